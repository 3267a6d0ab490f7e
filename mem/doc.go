// Package mem is guest RAM: where it lies in the guest's physical address
// space, how it is mapped into this process, and the only way the rest of Hull
// reads and writes it.
//
// RAM lives outside the Go heap, in mappings the guest shares with the monitor
// and may change at any time. So every access goes through [Guest], which
// checks the address, and copies: no slice of guest memory leaves this package
// except for the length of one read or write call. Whoever validates something
// the guest wrote reads it once into a local and validates the local.
//
// layout_amd64.go is the one map of the guest-physical address space; whatever
// is placed at a fixed address is placed there.
package mem
