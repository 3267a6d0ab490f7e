package console

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hullvm/hull/devices"
	"github.com/hullvm/hull/devices/virtio"
	"github.com/hullvm/hull/internal/writebehind"
)

// closeDeadline is how long Close waits for an output that is in a write.
const closeDeadline = time.Second

// queueSize is the entries of each queue.
const queueSize = 64

// Config is what a console is made of.
type Config struct {
	Name   string        // in errors: hvc0
	Output io.Writer     // what the guest sends; nil to discard it
	Cols   uint16        // of the terminal, in characters; 0 for not known
	Rows   uint16        // likewise
	Clock  devices.Clock // nil for the host's
}

// Console is a virtio console device. Its methods may be called from any goroutine.
type Console struct {
	name  string
	clock devices.Clock
	out   *writebehind.Writer

	// Both packed, and without a lock, since the transport reads with its own.
	size atomic.Uint32
	read atomic.Uint32 // as the driver has read it last

	writers sync.Mutex // held by the one Write that is under way, before mu
	telling sync.Mutex // held while the driver is told of a change, before mu

	mu      sync.Mutex // guards what follows; before that of out
	changed *sync.Cond // on mu: session, its state, closed or the output's room
	session *session   // nil while there is no driver
	closed  bool
	told    size // as the driver has heard of it

	waiting    []byte // what the Write under way has yet to hand over
	early      []byte // what was loaded, and goes before it
	delivering bool   // there is a Write for that
}

// New returns a console without a driver. Close ends its goroutine.
func New(c Config) *Console {
	d := &Console{name: c.Name, clock: c.Clock}
	if d.clock == nil {
		d.clock = devices.HostClock()
	}
	d.size.Store(size{c.Cols, c.Rows}.pack())
	d.changed = sync.NewCond(&d.mu)
	w := c.Output
	if w == nil {
		w = io.Discard
	}
	d.out = writebehind.New(w, d.wake)
	return d
}

// ID is the device's type.
func (*Console) ID() virtio.ID { return virtio.IDConsole }

// Features are the terminal's size.
func (*Console) Features() uint64 { return FeatureSize }

// QueueSizes are those of receiveq and transmitq.
func (*Console) QueueSizes() []uint16 { return []uint16{queueSize, queueSize} }

// ReadConfig reads the terminal's size.
func (d *Console) ReadConfig(off uint64, p []byte) {
	clear(p)
	if off < configSize {
		v := d.size.Load()
		d.read.Store(v)
		b := unpack(v).config()
		copy(p, b[off:])
	}
}

// WriteConfig drops what the driver writes: emerg_wr is not offered.
func (*Console) WriteConfig(uint64, []byte) {}

// Activate starts to serve a driver.
func (d *Console) Activate(a *virtio.Activation) error {
	s := &session{device: d, a: a, held: a.Held, rx: a.Queues[queueRX], tx: a.Queues[queueTX]}
	if err := s.start(); err != nil {
		return fmt.Errorf("console %q: activate: %w", d.name, err)
	}
	d.mu.Lock()
	d.session = s
	d.told = unpack(d.read.Load()) // which was before it took notice of changes
	d.changed.Broadcast()
	d.mu.Unlock()
	d.tell()
	if !a.Held {
		d.deliver()
	}
	return nil
}

// Deactivate ends it. What the guest had handed over is kept, as far as there is
// room.
func (d *Console) Deactivate() {
	d.telling.Lock() // no change is told any more
	d.mu.Lock()
	s := d.session
	d.session = nil
	if s != nil {
		s.holdLocked()
	}
	d.mu.Unlock()
	d.telling.Unlock()
	if s != nil {
		s.stop()
	}
}

// Pause holds both queues. Output that the guest has handed over goes out. A
// buffer of the guest's that waits for room is given back: some more is kept than
// otherwise, and what is beyond that is lost, and counted.
func (d *Console) Pause() {
	d.telling.Lock()
	d.mu.Lock()
	s := d.session
	if s != nil {
		s.holdLocked()
	}
	d.mu.Unlock()
	d.telling.Unlock()
	if s != nil && s.worker != nil {
		s.worker.Pause()
	}
}

// Resume undoes Pause, and tells the driver of a size that changed meanwhile.
func (d *Console) Resume() {
	d.mu.Lock()
	s := d.session
	if s != nil {
		s.releaseLocked()
	}
	d.mu.Unlock()
	if s != nil && s.worker != nil {
		s.worker.Resume()
	}
	d.tell()
	if s != nil {
		d.deliver()
	}
}

// Resize says how large the terminal is now, in characters.
func (d *Console) Resize(cols, rows uint16) {
	d.size.Store(size{cols, rows}.pack())
	d.tell()
}

// tell tells a driver that runs of a size that it has not heard of.
func (d *Console) tell() {
	d.telling.Lock()
	defer d.telling.Unlock()
	d.mu.Lock()
	s, now := d.session, unpack(d.size.Load())
	due := s != nil && !s.held && now != d.told
	if due {
		d.told = now
	}
	d.mu.Unlock()
	// Without mu: the transport's lock may be taken, and be held by one who
	// waits for mu.
	if due && s.a.Has(FeatureSize) {
		s.a.ConfigChanged()
	}
}

// wake has those look who wait.
func (d *Console) wake() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.changed.Broadcast()
}

// Drain waits until all that the guest has sent is written to the output, and
// says how much is not where that takes longer than deadline. An output that has
// failed has nothing left to write; see OutputErr.
func (d *Console) Drain(deadline time.Duration) error {
	if left := d.out.Drain(deadline); left > 0 {
		return fmt.Errorf("console %q: drain: its output has not taken %d bytes within %v", d.name, left, deadline)
	}
	return nil
}

// OutputErr is the error of the write after which the output was not used any
// more and what the guest sends is discarded, or nil.
func (d *Console) OutputErr() error {
	if err := d.out.Err(); err != nil {
		return fmt.Errorf("console %q: write output: %w", d.name, err)
	}
	return nil
}

// Lost counts the bytes of the guest's that an output which was stuck did not take.
func (d *Console) Lost() uint64 { return d.out.Lost() }

// Close ends a Write that waits and the console's goroutine, and drops output
// that is not written; call Drain before. It is an error for a write to the output
// not to return: the goroutine then ends when it does. Closing twice does nothing
// more. The device is to be deactivated before or after it.
func (d *Console) Close() error {
	d.mu.Lock()
	d.closed = true
	if d.session != nil {
		d.session.interrupt()
	}
	d.changed.Broadcast()
	d.mu.Unlock()
	defer d.wake() // who waits for room, which is nobody's now
	late := make(chan struct{})
	timer := d.clock.AfterFunc(closeDeadline, func() { close(late) })
	defer timer.Stop()
	if !d.out.Close(late) {
		return fmt.Errorf("console %q: close: its output has been in a write for more than %v", d.name, closeDeadline)
	}
	return nil
}
