package rtc

import (
	"sync"
	"time"

	"github.com/hullvm/hull/devices"
)

// Config is what an RTC is made of.
type Config struct {
	Line  devices.Line  // its interrupt; nil for none
	Clock devices.Clock // nil for the host's

	// RAM below and above 4 GiB, in bytes, for the CMOS memory's size bytes.
	MemoryBelow4G, MemoryAbove4G uint64
}

// RTC is the real-time clock.
type RTC struct {
	line  devices.Line
	clock devices.Clock

	mu     sync.Mutex // guards what follows
	chip   chip
	level  bool // as line was last set
	paused bool
	timer  devices.Timer // for the next interrupt; nil for none
	due    time.Time     // when timer calls
}

// New returns a clock that shows the host's time.
func New(c Config) *RTC {
	r := &RTC{line: c.Line, clock: c.Clock}
	if r.line == nil {
		r.line = devices.Unconnected()
	}
	if r.clock == nil {
		r.clock = devices.HostClock()
	}
	r.chip = newChip(r.clock.Now(), c.MemoryBelow4G, c.MemoryAbove4G)
	return r
}

// Regions lists the two ports.
func (r *RTC) Regions() []devices.Region {
	return []devices.Region{{Name: "rtc", Base: Base, Size: size, Handler: (*handler)(r)}}
}

// Pause stops the clock's interrupts, not the clock.
func (r *RTC) Pause() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.paused = true
	r.disarmLocked()
}

// Resume undoes Pause. What fell due meanwhile is due now, once.
func (r *RTC) Resume() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.paused = false
	r.chip.advance(r.clock.Now())
	r.settleLocked()
}

// handler is an RTC as the bus sees it.
type handler RTC

func (h *handler) Read(off uint64, p []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	ports.Read((*file)(h), off, p)
}

func (h *handler) Write(off uint64, p []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	ports.Write((*file)(h), off, p)
}

// file is a locked RTC as the register map sees it.
type file RTC

// ReadRegister is asked for DATA alone.
func (f *file) ReadRegister(uint64) uint64 {
	r := (*RTC)(f)
	v := r.chip.read(r.clock.Now())
	r.settleLocked()
	return uint64(v)
}

func (f *file) WriteRegister(off, value uint64) {
	r := (*RTC)(f)
	if off == portINDEX {
		r.chip.index = byte(value) & indexMask
		return
	}
	r.chip.write(byte(value), r.clock.Now())
	r.settleLocked()
}

// settleLocked does what follows from a change of the chip.
func (r *RTC) settleLocked() {
	if level := r.chip.interrupt(); level != r.level {
		r.level = level
		r.line.Set(level)
	}
	if !r.paused {
		r.armLocked()
	}
}

// armLocked sets the timer for the next interrupt, if there will be one.
func (r *RTC) armLocked() {
	wait, ok := r.chip.wait()
	if !ok {
		r.disarmLocked()
		return
	}
	now := r.clock.Now()
	due := now.Add(wait)
	if r.timer != nil && !due.Before(r.due) {
		return // that call comes earlier and arms again
	}
	r.disarmLocked()
	r.due = due
	r.timer = r.clock.AfterFunc(wait, r.fire)
}

func (r *RTC) disarmLocked() {
	if r.timer != nil {
		r.timer.Stop()
		r.timer = nil
	}
}

// fire is the timer's call. One that was stopped too late to be stopped finds
// what is due by the clock alone.
func (r *RTC) fire() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.paused {
		return
	}
	r.disarmLocked()
	r.chip.advance(r.clock.Now())
	r.settleLocked()
}
