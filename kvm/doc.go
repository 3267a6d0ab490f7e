// Package kvm is Linux's KVM interface in Go's types, without cgo: one method
// for each ioctl, structures as the kernel lays them out, and errors that say
// what was asked of which object. It holds nothing of policy.
//
// Names and meanings are those of the kernel's Documentation/virt/kvm/api.rst;
// the section of each call is in its comment.
package kvm
