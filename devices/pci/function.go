package pci

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/hullvm/hull/devices"
)

// Identity is what a function says of itself, section 7.5.1.
type Identity struct {
	Vendor, Device             uint16
	SubsystemVendor, Subsystem uint16
	Class                      uint32 // 24 bits: class, subclass, programming interface
	Revision                   uint8
}

// Function is one function of a device: what a driver binds to. BARs,
// capabilities and the interrupt are added before it is given to a root complex.
type Function struct {
	name string

	caps        []*capability // complete before the guest runs
	root        *RootComplex  // nil before Add
	msix        *MSIX         // nil for none
	masterMoved func()        // nil for nobody

	// mapping serialises what puts BARs on the memory bus, so that their places
	// follow the registers. It is held while Moved is called.
	mapping sync.Mutex
	bars    []*bar // complete before the guest runs; where each is belongs to mapping

	refused atomic.Int64 // BARs that have no place though the guest wants them decoded

	mu       sync.Mutex // guards what follows
	space    space
	free     int // offset of the first byte that no capability has
	line     devices.Line
	asserted bool // the interrupt is wanted
	level    bool // as line was last set
}

// NewFunction returns a function without BARs and without capabilities. name
// appears in errors, in logs and in the names of its regions.
func NewFunction(name string, id Identity) *Function {
	return &Function{name: name, space: newSpace(id), free: firstCapability, line: devices.Unconnected()}
}

// Name is the function's name.
func (f *Function) Name() string { return f.name }

// SetInterrupt connects the function's INTx: pin 1 is INTA. The line is level
// triggered, and may be shared with other functions by whoever made it; nil for
// none.
func (f *Function) SetInterrupt(pin uint8, line devices.Line) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.space.value[regInterruptPin] = pin
	if line != nil {
		f.line = line
	}
}

// Interrupt asserts or ends the function's INTx. The guest sees it in Interrupt
// Status; the line follows unless the guest has disabled INTx or enabled MSI-X.
// It may be called from any goroutine.
func (f *Function) Interrupt(asserted bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asserted = asserted
	f.driveLocked()
}

// driveLocked makes Interrupt Status and the line what they have to be (sections
// 6.1.2 and 7.5.1.1.4).
func (f *Function) driveLocked() {
	status, level := f.wantedLevelsLocked()
	f.space.set(regStatus, statusInterrupt, status)
	if level != f.level {
		f.level = level
		f.line.Set(level)
	}
}

// wantedLevelsLocked is what Interrupt Status and the line have to be.
func (f *Function) wantedLevelsLocked() (status, level bool) {
	status = f.asserted && !f.msixEnabledLocked()
	return status, status && f.space.get16(regCommand)&cmdInterruptDisable == 0
}

// BusMaster reports whether the guest lets the function use its memory (section
// 7.5.1.1.3).
func (f *Function) BusMaster() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.space.get16(regCommand)&cmdBusMaster != 0
}

// OnBusMaster has changed called after the guest changed what BusMaster reports:
// within its write and with no lock of the function's held, perhaps several
// times at once. It is set before the guest runs.
func (f *Function) OnBusMaster(changed func()) { f.masterMoved = changed }

func (f *Function) msixEnabledLocked() bool {
	return f.msix != nil && f.space.get16(f.msix.body+msixControl)&msixEnable != 0
}

// read fills p from configuration space; off+len(p) is at most 4 KiB.
func (f *Function) read(off int, p []byte) {
	for _, c := range f.caps {
		if from, n := c.touched(off, len(p)); n > 0 && c.hooks.Reading != nil {
			c.hooks.Reading(from, n)
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.space.read(off, p)
}

// write takes p into configuration space; off+len(p) is at most 4 KiB.
func (f *Function) write(off int, p []byte) {
	f.mu.Lock()
	before := f.space.value
	f.space.write(off, p)
	f.driveLocked()
	command := before[regCommand] ^ f.space.value[regCommand]
	decode := command&cmdMemory != 0 ||
		!slices.Equal(before[regBAR0:regBAR0+4*barCount], f.space.value[regBAR0:regBAR0+4*barCount])
	f.mu.Unlock()

	if decode {
		f.place()
	}
	if command&cmdBusMaster != 0 && f.masterMoved != nil {
		f.masterMoved()
	}
	for _, c := range f.caps {
		if from, n := c.touched(off, len(p)); n > 0 && c.hooks.Written != nil {
			c.hooks.Written(from, n)
		}
	}
}

// Close takes the function's BARs off the bus and closes its vectors. The guest
// may still read and write its registers; they do nothing more.
func (f *Function) Close() error {
	f.closeBARs()
	if f.msix == nil {
		return nil
	}
	return f.msix.close()
}

func (f *Function) errorf(format string, args ...any) error {
	return fmt.Errorf("PCI function %q: "+format, append([]any{f.name}, args...)...)
}

var errAttached = errors.New("the function is in use")
