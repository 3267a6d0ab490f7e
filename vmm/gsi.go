package vmm

import (
	"errors"
	"fmt"
	"sync"

	"github.com/hullvm/hull/kvm"
)

// Inputs of the in-kernel controllers: the I/O APIC's are the first global
// system interrupts, and the two PICs share the first 16 of them.
const (
	ioAPICInputs = 24
	picInputs    = 16
)

// gsiTable is KVM's routing of global system interrupts: the controllers' inputs,
// and a message for each MSI-X vector behind them. KVM takes the table only
// whole.
type gsiTable struct {
	vm *kvm.VM

	mu       sync.Mutex
	messages map[uint32]kvm.MSI // by GSI; absent for one without a message
	used     map[uint32]bool    // GSIs given out
}

// maxGSI bounds what one machine takes of KVM's routes, of which there are 4096.
const maxGSI = 4096

func newGSITable(vm *kvm.VM) *gsiTable {
	return &gsiTable{vm: vm, messages: make(map[uint32]kvm.MSI), used: make(map[uint32]bool)}
}

// take gives out a GSI that leads nowhere yet.
func (t *gsiTable) take() (uint32, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for gsi := uint32(ioAPICInputs); gsi < maxGSI; gsi++ {
		if !t.used[gsi] {
			t.used[gsi] = true
			return gsi, nil
		}
	}
	return 0, errors.New("all interrupt routes are taken")
}

// give takes a GSI back.
func (t *gsiTable) give(gsi uint32) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.used, gsi)
	if _, routed := t.messages[gsi]; !routed {
		return nil
	}
	delete(t.messages, gsi)
	return t.apply()
}

// route makes a GSI send a message.
func (t *gsiTable) route(gsi uint32, m kvm.MSI) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.messages[gsi] == m {
		return nil
	}
	before, had := t.messages[gsi]
	t.messages[gsi] = m
	err := t.apply()
	if err != nil {
		// The others keep their routes.
		delete(t.messages, gsi)
		if had {
			t.messages[gsi] = before
		}
		return fmt.Errorf("GSI %d: route to %#x: %w", gsi, uint64(m.AddressHigh)<<32|uint64(m.AddressLow), err)
	}
	return nil
}

func (t *gsiTable) apply() error {
	routes := make([]kvm.Route, 0, ioAPICInputs+picInputs+len(t.messages))
	for pin := range uint32(ioAPICInputs) {
		if pin < picInputs {
			chip := uint32(kvm.PICMaster)
			if pin >= 8 {
				chip = kvm.PICSlave
			}
			routes = append(routes, kvm.Route{GSI: pin, Chip: chip, Pin: pin % 8})
		}
		switch pin {
		case 0: // the timer arrives at input 2, as the MADT says
			routes = append(routes, kvm.Route{GSI: pin, Chip: kvm.IOAPIC, Pin: 2})
		case 2: // the cascade of the two PICs
		default:
			routes = append(routes, kvm.Route{GSI: pin, Chip: kvm.IOAPIC, Pin: pin})
		}
	}
	for gsi, m := range t.messages {
		routes = append(routes, kvm.Route{GSI: gsi, MSI: &m})
	}
	return t.vm.SetGSIRouting(routes)
}
