// Package vmm is the machine: it builds a virtual machine from a description
// and open files, runs its vCPUs under KVM, and ends it with a named reason.
//
// # Who owns what
//
// Each vCPU belongs to one goroutine locked to its own thread; everybody else
// reaches it by a closure in its mailbox and a kick (vcpu.go). The lifecycle
// belongs to one driver goroutine that takes typed requests and answers each
// once (driver.go). A device's registers belong to the device's own lock, held
// by the vCPU that touches them and never across a callback. Guest RAM is
// shared with a guest that may change it at any time.
//
// # Life of a machine
//
//	New ──> created ──Start──> running <──Pause/Resume──> paused
//	                              │                          │
//	                              └────────> stopping <──────┘
//	                                            │
//	                                          exited ──Close──> gone
//
// A machine of Config.Incoming is created without a state, and Load gives it one
// before Start.
//
// Whatever ends a machine (the guest's power-off, its reset, its panic, a
// triple fault, Kill, a cancelled context, an error of KVM) takes the same way
// out: the first reason wins, every vCPU is stopped and joined, the devices are
// flushed, and Wait answers with the [Exit].
package vmm
