// Package spawn starts hull-fsd, the file server of a shared directory, with a
// socket for the virtio-fs device and as much confinement as there is to have.
package spawn
