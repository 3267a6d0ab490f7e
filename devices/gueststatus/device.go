package gueststatus

import (
	"sync"

	"github.com/hullvm/hull/devices"
)

// Config is what a Status is made of.
type Config struct {
	// Reported gets each report, on the vCPU that made it; nil for nobody.
	Reported func(value uint32)
}

// Status is the status register.
type Status struct {
	reported func(uint32)

	mu      sync.Mutex // guards what follows
	chip    chip
	pending bool    // a report is complete and not yet told
	last    *uint32 // the last report; nil for none
}

// New returns a status register.
func New(c Config) *Status {
	s := &Status{reported: c.Reported}
	if s.reported == nil {
		s.reported = func(uint32) {}
	}
	return s
}

// Regions lists the register's ports.
func (s *Status) Regions() []devices.Region {
	return []devices.Region{{Name: "guest status", Base: Base, Size: size, Handler: (*handler)(s)}}
}

// Pause does nothing: the register acts only when it is written.
func (*Status) Pause() {}

// Resume does nothing.
func (*Status) Resume() {}

// handler is a Status as the bus sees it.
type handler Status

func (h *handler) Read(off uint64, p []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	registers.Read((*file)(h), off, p)
}

func (h *handler) Write(off uint64, p []byte) {
	h.mu.Lock()
	registers.Write((*file)(h), off, p)
	pending, value := h.pending, h.chip.status
	if h.pending {
		h.pending, h.last = false, &value
	}
	h.mu.Unlock()
	if pending {
		h.reported(value)
	}
}

// file is a locked Status as the register map sees it.
type file Status

func (f *file) ReadRegister(off uint64) uint64 { return uint64(f.chip.read(off)) }

func (f *file) WriteRegister(off, value uint64) {
	if f.chip.write(off, byte(value)) {
		f.pending = true
	}
}
