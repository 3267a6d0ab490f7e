package vmm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hullvm/hull/boot"
	"github.com/hullvm/hull/devices/virtio"
	"github.com/hullvm/hull/kvm"
	"github.com/hullvm/hull/mem"
)

// Machine is a virtual machine. Its methods may be called from any goroutine.
type Machine struct {
	log      *slog.Logger
	system   *kvm.System
	vm       *kvm.VM
	memory   *mem.Guest
	vcpus    []*vcpu
	lines    []line
	platform *platform
	gsis     *gsiTable
	pci      *pciBus // nil for a machine without one
	placed   []boot.Range
	incoming *incoming // nil for a machine that does not wait for a state
	restored *restored // nil for a machine that boots
	tscKHz   atomic.Uint32
	devices  []virtio.Device
	timeline timeline
	throttle throttle

	// ending is set with the first reason to end and never cleared. It is what
	// keeps vCPUs out of the guest while the driver is on its way.
	ending   atomic.Bool
	endOnce  sync.Once
	endWith  chan Exit // capacity 1: the first reason
	requests chan request
	start    sync.Once
	started  atomic.Bool
	state    atomic.Int32  // a State, for who asks; the driver's own decides
	exited   chan struct{} // closed by the driver after exit is set
	exit     Exit

	manualDirtyLog bool       // see prepareDirtyLog
	logging        sync.Mutex // guards what follows
	dirty          *dirtyLog  // nil while there is no log
	released       bool

	closeOnce sync.Once
	closeErr  error
}

// ErrNotRunning answers a request to a machine that has not been started or has
// ended.
var ErrNotRunning = errors.New("machine is not running")

// ErrNotPaused answers a request that is for a paused machine.
var ErrNotPaused = errors.New("machine is not paused")

// Start lets the vCPUs into the guest. It does nothing the second time. A machine that
// waits for its state (Awaits) ends by an internal error, unless it was killed: none
// of its vCPUs enters the guest.
func (m *Machine) Start() {
	m.start.Do(func() {
		if m.incoming != nil {
			m.incoming.mu.Lock() // a Load that is under way comes first
			defer m.incoming.mu.Unlock()
			if m.restored == nil {
				m.end(Exit{Reason: InternalError, Err: errNotLoaded})
			}
		}
		m.started.Store(true)
		m.state.Store(int32(Running))
		for _, v := range m.vcpus {
			go v.loop()
		}
		m.timeline.add(MarkRun, time.Now())
		go m.drive()
	})
}

// Wait waits for the machine's end. It returns ctx's error where ctx ends first;
// the machine then goes on.
func (m *Machine) Wait(ctx context.Context) (Exit, error) {
	select {
	case <-m.exited:
		return m.exit, nil
	case <-ctx.Done():
		return Exit{}, ctx.Err()
	}
}

// Run starts the machine and waits for its end. Where ctx ends first the
// machine is killed, and the Exit says so.
func (m *Machine) Run(ctx context.Context) Exit {
	m.Start()
	select {
	case <-m.exited:
	case <-ctx.Done():
		m.Kill()
		<-m.exited
	}
	return m.exit
}

// Kill ends the machine without asking the guest. It does not wait for the end.
func (m *Machine) Kill() { m.end(Exit{Reason: Killed}) }

// PowerButton presses the ACPI power button: a guest that listens shuts itself
// down.
func (m *Machine) PowerButton() { m.platform.pm.PressPowerButton() }

// Console is the input of COM1. Write blocks while the guest does not read, and
// fails once the machine has ended.
func (m *Machine) Console() io.Writer { return (*consoleInput)(m) }

// Timeline returns the moments of the machine's start that are known so far.
func (m *Machine) Timeline() []Mark { return m.timeline.snapshot() }

// Memory is the guest's RAM.
func (m *Machine) Memory() *mem.Guest { return m.memory }

// MemorySize is the guest's RAM in bytes.
func (m *Machine) MemorySize() uint64 { return m.memory.Size() }

// MemoryResident is how much of the guest's RAM the host holds now, in bytes.
func (m *Machine) MemoryResident() (uint64, error) { return m.memory.Resident() }

// Threads are the vCPUs' threads as this process's namespace numbers them, 0 for
// one that does not run.
func (m *Machine) Threads() []int {
	var tids []int
	for _, v := range m.vcpus {
		tids = append(tids, v.thread())
	}
	return tids
}

// Placed returns what was loaded where in guest memory.
func (m *Machine) Placed() []boot.Range { return m.placed }

// end names the reason for the machine's end. The first one wins; it may be
// called from any goroutine, with any device's lock held.
func (m *Machine) end(e Exit) {
	m.endOnce.Do(func() {
		m.timeline.add(MarkEnd, time.Now())
		m.ending.Store(true)
		m.endWith <- e
	})
}

// Close releases everything the machine holds, ending it first if it runs. It
// must not be called from a callback of the machine.
func (m *Machine) Close() error {
	m.closeOnce.Do(func() {
		if m.incoming != nil {
			m.incoming.mu.Lock()
			defer m.incoming.mu.Unlock()
			m.incoming.over = true
		}
		if m.started.Load() {
			m.Kill()
			<-m.exited
		}
		m.closeErr = m.release()
	})
	return m.closeErr
}

// release frees what New made, in the order that keeps every user ahead of what
// it uses: devices, interrupt lines, vCPUs, the VM, and guest RAM last.
func (m *Machine) release() error {
	m.throttle.end()
	m.logging.Lock()
	m.released = true
	m.logging.Unlock()
	var errs []error
	if m.pci != nil {
		errs = append(errs, m.pci.close())
	}
	if m.platform != nil {
		errs = append(errs, m.platform.close())
	}
	for _, l := range m.lines {
		errs = append(errs, l.close())
	}
	for _, v := range m.vcpus {
		errs = append(errs, v.close())
	}
	if m.vm != nil {
		errs = append(errs, m.vm.Close())
	}
	if m.system != nil {
		errs = append(errs, m.system.Close())
	}
	if m.memory != nil {
		errs = append(errs, m.memory.Close())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("machine: release: %w", err)
	}
	return nil
}
