package i8042

import (
	"sync"

	"github.com/hullvm/hull/devices"
)

// Config is what a Controller is made of.
type Config struct {
	// Reset resets the machine; called on the vCPU that asked for it, nil for
	// nobody.
	Reset func()
}

// Controller is the keyboard controller.
type Controller struct {
	reset func()

	mu   sync.Mutex // guards what follows
	chip chip
	due  bool // the write under way resets
}

// New returns a keyboard controller.
func New(c Config) *Controller {
	d := &Controller{reset: c.Reset}
	if d.reset == nil {
		d.reset = func() {}
	}
	return d
}

// Regions lists the two ports. What lies between them is not the controller's.
func (d *Controller) Regions() []devices.Region {
	return []devices.Region{
		{Name: "i8042 data", Base: dataBase, Size: 1, Handler: port{d, regDATA}},
		{Name: "i8042 command", Base: commandBase, Size: 1, Handler: port{d, regCOMMAND}},
	}
}

// Pause does nothing: the controller acts only when it is written.
func (*Controller) Pause() {}

// Resume does nothing.
func (*Controller) Resume() {}

// port is one port of a Controller as the bus sees it.
type port struct {
	d    *Controller
	base uint64
}

func (r port) Read(off uint64, p []byte) {
	r.d.mu.Lock()
	defer r.d.mu.Unlock()
	registers.Read((*file)(r.d), r.base+off, p)
}

func (r port) Write(off uint64, p []byte) {
	r.d.mu.Lock()
	registers.Write((*file)(r.d), r.base+off, p)
	due := r.d.due
	r.d.due = false
	r.d.mu.Unlock()
	if due {
		r.d.reset()
	}
}

// file is a locked Controller as the register map sees it.
type file Controller

func (f *file) ReadRegister(off uint64) uint64 { return uint64(f.chip.read(off)) }

func (f *file) WriteRegister(off, value uint64) {
	if f.chip.write(off, byte(value)) {
		f.due = true
	}
}
