// Package monitor is a machine in a process of its own, hull-vmm: jailed before it
// reads anything, built of descriptors that another process has opened, and told what
// to do over a socket (package control). Package spawn starts one.
package monitor
