// Package lab runs virtual hosts in which KVM works, for machines that have
// none: QEMU's software emulation of an AMD processor with SVM, a distribution
// kernel with kvm_amd in it, and the machine's whole file tree, so that a
// program runs there as it would here, in the same directory, with a /dev/kvm.
// What it writes stays there.
//
// A host is a directory (docs/lab.md) and two processes of its own session: the
// keeper, which is this program again ([Keep]), and the emulator, which is the
// keeper's child and ends with it. The keeper speaks with the agent in the host
// (package agent) for any number of callers at once; a caller hands it its own
// standard input, output and error over a unix socket. So whoever started a
// host need not live on, and a host that nobody has used for a while ends
// itself.
package lab
