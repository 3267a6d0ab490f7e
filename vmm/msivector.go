package vmm

import (
	"errors"
	"fmt"
	"sync"

	"github.com/hullvm/hull/devices/pci"
	"github.com/hullvm/hull/internal/eventfd"
	"github.com/hullvm/hull/kvm"
)

// msiVector is an MSI-X vector: an eventfd that KVM turns into the vector's
// message. While the vector is masked the eventfd leads nowhere, and counts: KVM
// looks at the count when it is bound again, so that what came meanwhile is
// delivered then, and once.
type msiVector struct {
	name string
	vm   *kvm.VM
	gsis *gsiTable
	gsi  uint32
	fail func(error)

	event *eventfd.EventFD

	mu     sync.Mutex // guards what follows
	bound  bool
	closed bool
}

var _ pci.Vector = (*msiVector)(nil)

func (m *Machine) newMSIVector(name string) (pci.Vector, error) {
	gsi, err := m.gsis.take()
	if err != nil {
		return nil, fmt.Errorf("vector %q: %w", name, err)
	}
	event, err := eventfd.New()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("vector %q: %w", name, err), m.gsis.give(gsi))
	}
	return &msiVector{name: name, vm: m.vm, gsis: m.gsis, gsi: gsi, fail: m.lineFailed, event: event}, nil
}

// Raise interrupts the guest, or keeps the interrupt while the vector is masked.
func (v *msiVector) Raise() {
	if err := v.event.Signal(); err != nil && !errors.Is(err, eventfd.ErrClosed) {
		v.fail(fmt.Errorf("vector %q: raise: %w", v.name, err))
	}
}

func (v *msiVector) FD() int { return v.event.FD() }

// Set says what the vector sends.
func (v *msiVector) Set(msg pci.Message) error {
	err := v.gsis.route(v.gsi, kvm.MSI{
		AddressLow: uint32(msg.Addr), AddressHigh: uint32(msg.Addr >> 32), Data: msg.Data,
	})
	if err != nil {
		return fmt.Errorf("vector %q: %w", v.name, err)
	}
	return nil
}

// Unmask binds the vector to its message; what is pending is delivered.
func (v *msiVector) Unmask() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.bound || v.closed {
		return nil
	}
	if err := v.vm.AssignIRQFD(v.event.FD(), v.gsi); err != nil {
		return fmt.Errorf("vector %q: %w", v.name, err)
	}
	v.bound = true
	return nil
}

// Mask keeps interrupts from the guest until Unmask.
func (v *msiVector) Mask() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.unbind()
}

func (v *msiVector) unbind() error {
	if !v.bound {
		return nil
	}
	if err := v.vm.DeassignIRQFD(v.event.FD(), v.gsi); err != nil {
		return fmt.Errorf("vector %q: %w", v.name, err)
	}
	v.bound = false
	return nil
}

// Pending reports an interrupt that waits for Unmask.
func (v *msiVector) Pending() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.bound || v.closed {
		return false
	}
	pending, err := v.event.Pending()
	return pending && err == nil
}

// Close gives the vector up.
func (v *msiVector) Close() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed {
		return nil
	}
	v.closed = true
	return errors.Join(v.unbind(), v.event.Close(), v.gsis.give(v.gsi))
}
