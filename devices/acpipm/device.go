package acpipm

import (
	"sync"
	"time"

	"github.com/hullvm/hull/devices"
)

// Config is what a PM is made of. PowerOff and Reset are called on the vCPU
// that asked for it; nil for nobody.
type Config struct {
	Ports    Ports         // where the registers are; zero for DefaultPorts
	Timer32  bool          // the timer counts 32 bits, not 24; the FADT must say so too
	Line     devices.Line  // the SCI, level-triggered; nil for none
	Clock    devices.Clock // nil for the host's
	PowerOff func()
	Reset    func()
}

// PM is the power-management hardware.
type PM struct {
	ports           Ports
	line            devices.Line
	clock           devices.Clock
	powerOff, reset func()

	mu      sync.Mutex // guards what follows
	start   time.Time  // when the timer read 0
	chip    chip
	acts    act // asked for by the write under way
	level   bool
	paused  bool
	pressed bool          // while paused
	raised  uint32        // general-purpose events, while paused
	timer   devices.Timer // for the timer's carry; nil for none
}

// New returns power-management hardware whose timer starts at 0.
func New(c Config) *PM {
	d := &PM{
		ports: c.Ports, line: c.Line, clock: c.Clock,
		powerOff: c.PowerOff, reset: c.Reset,
		chip: newChip(c.Timer32),
	}
	if d.ports == (Ports{}) {
		d.ports = DefaultPorts()
	}
	if d.line == nil {
		d.line = devices.Unconnected()
	}
	if d.clock == nil {
		d.clock = devices.HostClock()
	}
	if d.powerOff == nil {
		d.powerOff = func() {}
	}
	if d.reset == nil {
		d.reset = func() {}
	}
	d.start = d.clock.Now()
	return d
}

// PressPowerButton presses the power button. A paused machine hears of it when
// it goes on.
func (d *PM) PressPowerButton() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.paused {
		d.pressed = true
		return
	}
	d.chip.press()
	d.driveLocked()
}

// RaiseGPE sets the status of general-purpose event n, which is from 0 to 31. A
// paused machine hears of it when it goes on.
func (d *PM) RaiseGPE(n uint8) {
	d.mu.Lock()
	defer d.mu.Unlock()
	event := uint32(1) << n
	if d.paused {
		d.raised |= event
		return
	}
	d.chip.raise(event)
	d.driveLocked()
}

// Regions lists the blocks of registers.
func (d *PM) Regions() []devices.Region {
	var regions []devices.Region
	for _, r := range []struct {
		base uint16
		*block
	}{
		{d.ports.PM1Event, &pm1Event},
		{d.ports.PM1Control, &pm1Control},
		{d.ports.Timer, &timer},
		{d.ports.GPE0, &gpe0},
		{d.ports.Reset, &reset},
	} {
		regions = append(regions, devices.Region{
			Name: r.name, Base: uint64(r.base), Size: r.size, Whole: r.whole,
			Handler: &handler{d, r.block},
		})
	}
	return regions
}

// Pause holds back the power button, general-purpose events and the timer's.
func (d *PM) Pause() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.paused = true
	d.disarmLocked()
}

// Resume undoes Pause.
func (d *PM) Resume() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.paused {
		return
	}
	d.paused = false
	if d.pressed {
		d.pressed = false
		d.chip.press()
	}
	d.chip.raise(d.raised)
	d.raised = 0
	d.settleLocked()
}

// handler is one block as the bus sees it.
type handler struct {
	*PM
	*block
}

func (h *handler) Read(off uint64, p []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.registers.Read(h, off, p)
}

func (h *handler) Write(off uint64, p []byte) {
	h.mu.Lock()
	h.registers.Write(h, off, p)
	acts := h.acts
	h.acts = 0
	h.mu.Unlock()
	// Outside the lock: what is called may come back for another register.
	if acts&actPowerOff != 0 {
		h.powerOff()
	}
	if acts&actReset != 0 {
		h.PM.reset()
	}
}

// ReadRegister reads one register; mu is held.
func (h *handler) ReadRegister(off uint64) uint64 {
	v := h.chip.read(h.id, off, h.now())
	h.settleLocked()
	return v
}

// WriteRegister writes one register; mu is held.
func (h *handler) WriteRegister(off, value uint64) {
	h.acts |= h.chip.write(h.id, off, value, h.now())
	h.settleLocked()
}

// now is the time since the timer read 0; mu is held.
func (d *PM) now() time.Duration { return d.clock.Now().Sub(d.start) }

func (d *PM) settleLocked() {
	if d.timer == nil && !d.paused {
		d.armLocked()
	}
	d.driveLocked()
}

func (d *PM) driveLocked() {
	if level := d.chip.sci(); level != d.level {
		d.level = level
		d.line.Set(level)
	}
}

// armLocked sets the timer for the carry, if somebody waits for it. It leaves
// a carry that is due already to the timer's call.
func (d *PM) armLocked() {
	if at, ok := d.chip.carryAfter(); ok {
		d.timer = d.clock.AfterFunc(at-d.now(), d.carried)
	}
}

func (d *PM) disarmLocked() {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}

// carried is the timer's call. One that was stopped too late to be stopped
// finds nothing due.
func (d *PM) carried() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.paused {
		return
	}
	d.disarmLocked()
	d.chip.advance(d.now())
	d.settleLocked()
}
