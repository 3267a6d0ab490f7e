package vmm

import (
	"errors"
	"fmt"
	"sync"

	"github.com/hullvm/hull/devices"
	"github.com/hullvm/hull/internal/eventfd"
	"github.com/hullvm/hull/kvm"
)

// line is an interrupt input of the in-kernel controllers.
type line interface {
	devices.Line
	close() error
}

// edgeLine pulls an edge-triggered input through an irqfd: one write, no ioctl,
// and KVM makes the pulse.
type edgeLine struct {
	name string
	vm   *kvm.VM
	gsi  uint32
	fail func(error)

	mu     sync.Mutex
	event  *eventfd.EventFD // nil once closed
	level  bool
	failed bool
}

func newEdgeLine(vm *kvm.VM, name string, gsi uint32, fail func(error)) (*edgeLine, error) {
	event, err := eventfd.New()
	if err != nil {
		return nil, fmt.Errorf("interrupt line %q: %w", name, err)
	}
	if err := vm.AssignIRQFD(event.FD(), gsi); err != nil {
		return nil, errors.Join(fmt.Errorf("interrupt line %q: %w", name, err), event.Close())
	}
	return &edgeLine{name: name, vm: vm, gsi: gsi, event: event, fail: fail}, nil
}

func (l *edgeLine) Set(level bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if level == l.level || l.event == nil {
		return
	}
	l.level = level
	if !level {
		return
	}
	if err := l.event.Signal(); err != nil && !l.failed {
		l.failed = true
		l.fail(fmt.Errorf("interrupt line %q: raise: %w", l.name, err))
	}
}

func (l *edgeLine) Restore(level bool) {
	l.mu.Lock()
	l.level = level
	l.mu.Unlock()
}

func (l *edgeLine) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.event == nil {
		return nil
	}
	err := errors.Join(l.vm.DeassignIRQFD(l.event.FD(), l.gsi), l.event.Close())
	l.event = nil
	return err
}

// levelLine drives a level-triggered input. It is for lines that move seldom,
// such as the SCI: each move is a system call.
type levelLine struct {
	name string
	vm   *kvm.VM
	gsi  uint32
	fail func(error)

	mu     sync.Mutex
	level  bool
	closed bool
}

func newLevelLine(vm *kvm.VM, name string, gsi uint32, fail func(error)) *levelLine {
	return &levelLine{name: name, vm: vm, gsi: gsi, fail: fail}
}

func (l *levelLine) Set(level bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if level == l.level || l.closed {
		return
	}
	l.level = level
	if err := l.vm.IRQLine(l.gsi, level); err != nil {
		l.fail(fmt.Errorf("interrupt line %q: drive: %w", l.name, err))
	}
}

func (l *levelLine) Restore(level bool) {
	l.mu.Lock()
	l.level = level
	l.mu.Unlock()
}

func (l *levelLine) close() error {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	return nil
}
