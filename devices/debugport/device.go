package debugport

import (
	"sync"

	"github.com/hullvm/hull/devices"
)

// Config is what a Port is made of.
type Config struct {
	// Mark gets each value written, on the vCPU that wrote it; nil for nobody.
	// A guest may write as often as it likes: Mark bounds what it keeps.
	Mark func(value byte)
}

// Port is the debug port.
type Port struct {
	mark func(byte)

	mu   sync.Mutex // guards what follows
	chip chip
}

// New returns a debug port.
func New(c Config) *Port {
	d := &Port{mark: c.Mark}
	if d.mark == nil {
		d.mark = func(byte) {}
	}
	return d
}

// Regions lists the one port. Wider accesses reach it with their lowest byte.
func (d *Port) Regions() []devices.Region {
	return []devices.Region{{Name: "debug port", Base: Base, Size: size, Handler: (*handler)(d)}}
}

// Pause does nothing: the port acts only when it is written.
func (*Port) Pause() {}

// Resume does nothing.
func (*Port) Resume() {}

// handler is a Port as the bus sees it.
type handler Port

func (h *handler) Read(off uint64, p []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	registers.Read((*file)(h), off, p)
}

func (h *handler) Write(off uint64, p []byte) {
	h.mu.Lock()
	registers.Write((*file)(h), off, p)
	// The region is one byte wide: there is exactly one write to tell of.
	value := h.chip.post
	h.mu.Unlock()
	h.mark(value)
}

// file is a locked Port as the register map sees it.
type file Port

func (f *file) ReadRegister(uint64) uint64 { return uint64(f.chip.read()) }

func (f *file) WriteRegister(_, value uint64) { f.chip.write(byte(value)) }
