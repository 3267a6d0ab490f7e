package pvpanic

import (
	"sync"

	"github.com/hullvm/hull/devices"
)

// Config says who is told of what. The guest sees that an event whose function
// is nil is not handled. Functions are called on the vCPU that wrote the event.
type Config struct {
	Panicked    func() // the guest will do nothing more
	CrashLoaded func() // the guest handles its panic itself
	Shutdown    func() // the guest has shut down
}

// PVPanic is the panic port.
type PVPanic struct {
	config Config

	mu     sync.Mutex // guards what follows
	chip   chip
	events byte // written and not yet told
}

// New returns a panic port.
func New(c Config) *PVPanic {
	d := &PVPanic{config: c}
	for _, e := range d.calls() {
		if e.call != nil {
			d.chip.handled |= e.event
		}
	}
	return d
}

type call struct {
	event byte
	call  func()
}

// calls is in the order in which events written together are told.
func (d *PVPanic) calls() [3]call {
	return [3]call{
		{CrashLoaded, d.config.CrashLoaded},
		{Panicked, d.config.Panicked},
		{Shutdown, d.config.Shutdown},
	}
}

// Regions lists the one port.
func (d *PVPanic) Regions() []devices.Region {
	return []devices.Region{{Name: "pvpanic", Base: Base, Size: size, Handler: (*handler)(d)}}
}

// Pause does nothing: the port acts only when it is written.
func (*PVPanic) Pause() {}

// Resume does nothing.
func (*PVPanic) Resume() {}

// handler is a PVPanic as the bus sees it.
type handler PVPanic

func (h *handler) Read(off uint64, p []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	registers.Read((*file)(h), off, p)
}

func (h *handler) Write(off uint64, p []byte) {
	h.mu.Lock()
	registers.Write((*file)(h), off, p)
	events := h.events
	h.events = 0
	h.mu.Unlock()
	for _, c := range (*PVPanic)(h).calls() {
		if events&c.event != 0 {
			c.call()
		}
	}
}

// file is a locked PVPanic as the register map sees it.
type file PVPanic

func (f *file) ReadRegister(uint64) uint64 { return uint64(f.chip.read()) }

func (f *file) WriteRegister(_, value uint64) { f.events |= f.chip.write(byte(value)) }
