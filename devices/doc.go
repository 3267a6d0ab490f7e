// Package devices is what every emulated device is built on: the bus that
// routes a guest's port and memory accesses, the region a device claims on it,
// the interrupt line it pulls, and the register map that absorbs odd-width
// accesses. It knows nothing of KVM: a monitor backs each [Line] with whatever
// its hypervisor offers.
package devices
