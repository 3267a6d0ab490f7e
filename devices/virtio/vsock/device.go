package vsock

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hullvm/hull/devices"
	"github.com/hullvm/hull/devices/virtio"
)

// Defaults of a Config.
const (
	DefaultConnections = 4096
	DefaultMemory      = 128 << 20
)

// queueSize is the entries of rx and tx; the event queue needs few.
const (
	queueSize      = 256
	eventQueueSize = 16
)

// Config is what a device is made of.
type Config struct {
	// CID is the guest's address: 3 to 2^32-2.
	CID uint64

	// Host answers what the guest connects to beside the ports that are listened
	// at. Nil refuses the rest.
	Host Host

	// Connections is the most there may be at a time, those that are being made
	// among them; 0 is DefaultConnections. Each costs a descriptor.
	Connections int

	// Memory is the most that all connections may hold for hosts that do not read,
	// in bytes, and at least 4 KiB for each of Connections; 0 is DefaultMemory.
	Memory int64

	Clock devices.Clock // nil for the host's
}

// Device is a virtio socket device. Its methods may be called from any goroutine.
type Device struct {
	config Config
	stats  stats

	mu        sync.Mutex    // guards what follows
	session   *session      // nil while there is no driver
	lingering *session      // of an earlier driver, whose last words go out; or nil
	changed   chan struct{} // closed when session or closed changes
	listeners map[uint32]*Listener
	reset     bool         // the next driver is to be told of a transport reset
	loaded    *driverState // of the driver that was loaded, until it is there; or nil
	closed    bool
}

// Stats counts what a device did.
type Stats struct {
	Connections int    // there are now
	Dropped     uint64 // packets of the guest's that were not for this device, or made no sense
	Refused     uint64 // packets of the guest's that were answered with RST
}

type stats struct {
	connections      atomic.Int64
	dropped, refused atomic.Uint64
}

// New makes a device without a driver.
func New(c Config) (*Device, error) {
	if c.Connections == 0 {
		c.Connections = DefaultConnections
	}
	if c.Memory == 0 {
		c.Memory = DefaultMemory
	}
	if c.Clock == nil {
		c.Clock = devices.HostClock()
	}
	switch {
	case c.CID < firstCID || c.CID >= 1<<32-1:
		return nil, fmt.Errorf("vsock: CID %d: want %d to %d", c.CID, firstCID, int64(1<<32-2))
	case c.Connections < 0 || c.Connections > 1<<20:
		return nil, fmt.Errorf("vsock: %d connections: want 1 to %d", c.Connections, 1<<20)
	case c.Memory < int64(c.Connections)*minWindow:
		return nil, fmt.Errorf("vsock: %d bytes of memory: want at least %d for %d connections",
			c.Memory, int64(c.Connections)*minWindow, c.Connections)
	}
	return &Device{config: c, changed: make(chan struct{}), listeners: make(map[uint32]*Listener)}, nil
}

// ID is the device's type.
func (*Device) ID() virtio.ID { return virtio.IDVsock }

// Features are streams; VIRTIO_VSOCK_F_SEQPACKET is not there.
func (*Device) Features() uint64 { return FeatureStream }

// QueueSizes are those of rx, tx and event.
func (*Device) QueueSizes() []uint16 { return []uint16{queueSize, queueSize, eventQueueSize} }

// ReadConfig reads the guest's address.
func (d *Device) ReadConfig(off uint64, p []byte) {
	clear(p)
	if off < configSize {
		b := binary.LittleEndian.AppendUint64(nil, d.config.CID)
		copy(p, b[off:])
	}
}

// WriteConfig drops what the driver writes: nothing is writable.
func (*Device) WriteConfig(uint64, []byte) {}

// Activate begins a session with a driver.
func (d *Device) Activate(a *virtio.Activation) error {
	s, err := newSession(d, a)
	if err != nil {
		return fmt.Errorf("vsock: activate: %w", err)
	}
	d.mu.Lock()
	old := d.lingering
	d.lingering = nil
	d.mu.Unlock()
	if old != nil {
		// A guest that resets its device again and again must not pile up
		// what its hosts have not read.
		old.abandon()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.session = s
	s.resetDue, d.reset = d.reset, false
	if d.loaded != nil {
		s.load(d.loaded)
		d.loaded = nil
	}
	go s.run()
	d.changedLocked()
	return nil
}

// Deactivate ends the session and its connections. What the guest sent before is
// written to its hosts yet, by a goroutine that ends when they have taken it, or
// with the next Activate, or with Close.
func (d *Device) Deactivate() {
	d.mu.Lock()
	s := d.session
	d.session = nil
	d.changedLocked()
	d.mu.Unlock()
	if s == nil {
		return
	}
	s.call(s.stop)
	d.mu.Lock()
	closed := d.closed
	if !closed {
		d.lingering = s
	}
	d.mu.Unlock()
	if closed {
		s.abandon()
	}
}

// Pause holds the queues. Connections stay, what the guest has sent goes out, and
// hosts wait.
func (d *Device) Pause() { d.whileActive(func(s *session) { s.call(s.pause) }) }

// Resume goes on.
func (d *Device) Resume() { d.whileActive(func(s *session) { s.call(s.resume) }) }

// Reset ends all connections and tells the driver that the transport was reset:
// the hosts of the connections that the guest believes in are not there any more.
// A device that is loaded does so by itself. Until the driver has dealt with that, nothing
// new is begun. It is best called before Activate, so that no packet of the past
// comes first; and may be while the device is paused.
func (d *Device) Reset() {
	d.mu.Lock()
	s := d.session
	if s == nil {
		d.reset = true
	}
	d.mu.Unlock()
	if s != nil {
		s.call(s.transportReset)
	}
}

func (d *Device) whileActive(f func(*session)) {
	d.mu.Lock()
	s := d.session
	d.mu.Unlock()
	if s != nil {
		f(s)
	}
}

// Drain waits until hosts have taken what the guest sent before the device was
// deactivated, and fails where that takes longer than deadline.
func (d *Device) Drain(deadline time.Duration) error {
	d.mu.Lock()
	s := d.lingering
	d.mu.Unlock()
	if s == nil {
		return nil
	}
	timer := time.NewTimer(deadline)
	defer timer.Stop()
	select {
	case <-s.ended:
		return nil
	case <-timer.C:
		return fmt.Errorf("vsock: drain: hosts have not taken what the guest sent within %v", deadline)
	}
}

// Close ends what waits for the device: Dial and Join return [devices.ErrClosed],
// and listeners are closed. The device is to be deactivated before or after it.
func (d *Device) Close() error {
	d.mu.Lock()
	listeners := d.listeners
	d.listeners = make(map[uint32]*Listener)
	d.closed = true
	s := d.lingering
	d.lingering = nil
	d.changedLocked()
	d.mu.Unlock()
	for _, l := range listeners {
		l.shut()
	}
	if s != nil {
		s.abandon()
	}
	return nil
}

// Stats are the device's counters.
func (d *Device) Stats() Stats {
	return Stats{
		Connections: int(d.stats.connections.Load()),
		Dropped:     d.stats.dropped.Load(),
		Refused:     d.stats.refused.Load(),
	}
}

func (d *Device) changedLocked() {
	close(d.changed)
	d.changed = make(chan struct{})
}

var errNoQueue = errors.New("the driver has not enabled the queues rx and tx")
