package vmm

import (
	"fmt"

	"github.com/hullvm/hull/kvm"
)

// doorbells are addresses at which a guest's write signals an eventfd, without an
// exit to the monitor.
type doorbells struct{ vm *kvm.VM }

// Add makes any write at addr signal fd.
func (d doorbells) Add(addr uint64, fd int) error {
	if err := d.vm.AssignIOEventFD(fd, kvm.IOEvent{Addr: addr}); err != nil {
		return fmt.Errorf("doorbell at %#x: %w", addr, err)
	}
	return nil
}

// Remove undoes Add.
func (d doorbells) Remove(addr uint64, fd int) error {
	if err := d.vm.DeassignIOEventFD(fd, kvm.IOEvent{Addr: addr}); err != nil {
		return fmt.Errorf("doorbell at %#x: %w", addr, err)
	}
	return nil
}
