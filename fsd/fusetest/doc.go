// Package fusetest is the guest's side of a shared directory, for tests: a client
// that makes FUSE requests as a kernel does, and as none does.
package fusetest
