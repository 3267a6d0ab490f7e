// Package spawn starts a monitor's process, hull-vmm, with all that its machine needs
// and as much confinement as there is to have.
package spawn
