package kvm

import (
	"errors"
	"fmt"
)

// CreateIRQChip makes the two PICs and the IOAPIC in the kernel, and a local
// APIC for each vCPU made later (KVM_CREATE_IRQCHIP, section 4.24).
func (vm *VM) CreateIRQChip() error { return vm.do("KVM_CREATE_IRQCHIP", ioCreateIRQChip, 0) }

// GetIRQChip reads the state of controller id (KVM_GET_IRQCHIP, section 4.26).
func (vm *VM) GetIRQChip(id uint32) (IRQChip, error) {
	c := IRQChip{ID: id}
	return c, doWith(&vm.handle, fmt.Sprintf("KVM_GET_IRQCHIP %d", id), ioGetIRQChip, &c)
}

// SetIRQChip puts the state of a controller back (KVM_SET_IRQCHIP, section 4.27).
func (vm *VM) SetIRQChip(c IRQChip) error {
	return doWith(&vm.handle, fmt.Sprintf("KVM_SET_IRQCHIP %d", c.ID), ioSetIRQChip, &c)
}

// PITSpeakerDummy has the timer answer port 0x61, the speaker's.
const PITSpeakerDummy = 1

// CreatePIT2 makes the i8254 timer in the kernel (KVM_CREATE_PIT2, section 4.71).
func (vm *VM) CreatePIT2(flags uint32) error {
	return doWith(&vm.handle, "KVM_CREATE_PIT2", ioCreatePIT2, &pitConfig{flags: flags})
}

// GetPIT2 reads the timer's state (KVM_GET_PIT2, section 4.72).
func (vm *VM) GetPIT2() (PITState, error) {
	var s PITState
	return s, doWith(&vm.handle, "KVM_GET_PIT2", ioGetPIT2, &s)
}

// SetPIT2 puts the timer's state back (KVM_SET_PIT2, section 4.73).
func (vm *VM) SetPIT2(s PITState) error {
	return doWith(&vm.handle, "KVM_SET_PIT2", ioSetPIT2, &s)
}

// IRQLine drives an input of the controllers (KVM_IRQ_LINE, section 4.25).
func (vm *VM) IRQLine(gsi uint32, level bool) error {
	arg := irqLevel{irq: gsi}
	if level {
		arg.level = 1
	}
	return doWith(&vm.handle, fmt.Sprintf("KVM_IRQ_LINE %d", gsi), ioIRQLine, &arg)
}

// SignalMSI delivers a message-signalled interrupt (KVM_SIGNAL_MSI, section
// 4.70). delivered is false where the guest blocked it.
func (vm *VM) SignalMSI(m MSI) (delivered bool, err error) {
	n, err := callWith(vm.fd, ioSignalMSI, &m)
	if err != nil {
		return false, vm.fail("KVM_SIGNAL_MSI", err)
	}
	return n > 0, nil
}

// Bits of struct kvm_irqfd's flags.
const (
	irqfdDeassign = 1 << 0
	irqfdResample = 1 << 1
)

// AssignIRQFD makes writes to the eventfd fd pulse an input of the controllers
// (KVM_IRQFD, section 4.75).
func (vm *VM) AssignIRQFD(fd int, gsi uint32) error {
	return vm.irqfd("assign", irqfd{fd: uint32(fd), gsi: gsi})
}

// AssignIRQFDResample is AssignIRQFD for a level-triggered input: a write to fd
// raises it, the guest's end of interrupt lowers it and is told on resample.
func (vm *VM) AssignIRQFDResample(fd, resample int, gsi uint32) error {
	return vm.irqfd("assign", irqfd{fd: uint32(fd), gsi: gsi, flags: irqfdResample, resampleFD: uint32(resample)})
}

// DeassignIRQFD undoes either assignment.
func (vm *VM) DeassignIRQFD(fd int, gsi uint32) error {
	return vm.irqfd("deassign", irqfd{fd: uint32(fd), gsi: gsi, flags: irqfdDeassign})
}

func (vm *VM) irqfd(what string, arg irqfd) error {
	return doWith(&vm.handle, fmt.Sprintf("KVM_IRQFD %s %d", what, arg.gsi), ioIRQFD, &arg)
}

// IOEvent is an access by the guest that signals an eventfd instead of an exit.
type IOEvent struct {
	Addr uint64 // guest-physical, or a port
	Len  uint32 // bytes of the access: 0 (any), 1, 2, 4 or 8
	Port bool   // Addr is a port

	// Match, with Data, makes only writes of that value count.
	Match bool
	Data  uint64
}

// Bits of struct kvm_ioeventfd's flags.
const (
	ioeventDatamatch = 1 << 0
	ioeventPIO       = 1 << 1
	ioeventDeassign  = 1 << 2
)

// AssignIOEventFD makes an access signal the eventfd fd (KVM_IOEVENTFD, section
// 4.59).
func (vm *VM) AssignIOEventFD(fd int, e IOEvent) error { return vm.ioeventfd("assign", fd, e, 0) }

// DeassignIOEventFD undoes AssignIOEventFD with the same arguments.
func (vm *VM) DeassignIOEventFD(fd int, e IOEvent) error {
	return vm.ioeventfd("deassign", fd, e, ioeventDeassign)
}

func (vm *VM) ioeventfd(what string, fd int, e IOEvent, flags uint32) error {
	arg := ioeventfd{addr: e.Addr, len: e.Len, fd: int32(fd), flags: flags}
	if e.Port {
		arg.flags |= ioeventPIO
	}
	if e.Match {
		arg.flags |= ioeventDatamatch
		arg.datamatch = e.Data
	}
	return doWith(&vm.handle, fmt.Sprintf("KVM_IOEVENTFD %s %#x", what, e.Addr), ioIOEventFD, &arg)
}

// Route sends a global system interrupt to an input of a controller, or makes
// it a message.
type Route struct {
	GSI uint32

	Chip uint32 // PICMaster, PICSlave or IOAPIC
	Pin  uint32

	MSI *MSI // instead of Chip and Pin
}

const (
	routeIRQChip = 1
	routeMSI     = 2

	maxRoutes = 4096 // KVM_MAX_IRQ_ROUTES
)

// SetGSIRouting replaces all routes (KVM_SET_GSI_ROUTING, section 4.52).
func (vm *VM) SetGSIRouting(routes []Route) error {
	if len(routes) > maxRoutes {
		return vm.fail("KVM_SET_GSI_ROUTING", fmt.Errorf("%d routes, at most %d", len(routes), maxRoutes))
	}
	entries := make([]routingEntry, len(routes))
	for i, r := range routes {
		entries[i] = routingEntry{gsi: r.GSI, kind: routeIRQChip, u: [8]uint32{r.Chip, r.Pin}}
		if r.MSI != nil {
			if r.MSI.Flags != 0 {
				return vm.fail("KVM_SET_GSI_ROUTING", errors.New("flags of a message are for other architectures"))
			}
			entries[i].kind = routeMSI
			entries[i].u = [8]uint32{r.MSI.AddressLow, r.MSI.AddressHigh, r.MSI.Data}
		}
	}
	if _, _, _, err := list(vm.fd, ioSetGSIRouting, routingHeader{nr: uint32(len(entries))}, entries); err != nil {
		return vm.fail("KVM_SET_GSI_ROUTING", err)
	}
	return nil
}
