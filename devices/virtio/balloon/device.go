package balloon

import (
	"fmt"
	"log/slog"
	"sync"

	"github.com/hullvm/hull/devices/virtio"
	"github.com/hullvm/hull/internal/ratelimit"
)

// queueSize is the entries of each queue. Linux wants 32 at least to report
// pages.
const queueSize = 128

// Config is what a balloon is made of.
type Config struct {
	Name string // in errors and logs

	// Target is what the guest is asked for from the beginning, in bytes.
	Target uint64

	// DeflateOnOOM lets the guest take pages back rather than kill a process.
	DeflateOnOOM bool

	Statistics bool // the guest can be asked for its statistics
	Reporting  bool // the guest reports free pages, which go back to the host

	Clock ratelimit.Clock // of the log's rate; zero for the host's
	Log   *slog.Logger    // nil for none
}

// Device is a virtio memory balloon.
type Device struct {
	name     string
	features uint64
	log      *slog.Logger
	logged   *ratelimit.Limiter
	counters counters
	asking   chan struct{} // has one while statistics are asked for

	configMu sync.Mutex // guards config
	config   [configSize]byte

	mu     sync.Mutex // guards what follows; before configMu
	active *activation
}

// New returns a balloon, which is not active yet.
func New(c Config) (*Device, error) {
	d := &Device{name: c.Name, log: c.Log, logged: ratelimit.New(logLimits, c.Clock), asking: make(chan struct{}, 1)}
	if c.DeflateOnOOM {
		d.features |= FeatureDeflateOnOOM
	}
	if c.Statistics {
		d.features |= FeatureStatistics
	}
	if c.Reporting {
		// A driver whose free pages hold a pattern has to say which, or else must
		// not report them.
		d.features |= FeatureReporting | FeaturePagePoison
	}
	if err := d.SetTarget(c.Target); err != nil {
		return nil, err
	}
	return d, nil
}

// ID is the balloon's type.
func (d *Device) ID() virtio.ID { return virtio.IDBalloon }

// QueueSizes have an entry for each queue up to the last that is offered.
func (d *Device) QueueSizes() []uint16 {
	n := queueStatistics
	switch {
	case d.features&FeatureReporting != 0:
		n = queueReporting + 1
	case d.features&FeatureStatistics != 0:
		n = queueStatistics + 1
	}
	sizes := make([]uint16, n)
	for i := range sizes {
		sizes[i] = queueSize
	}
	return sizes
}

// Activate starts serving the queues.
func (d *Device) Activate(a *virtio.Activation) error {
	act, err := d.start(a)
	if err != nil {
		return fmt.Errorf("balloon %q: activate: %w", d.name, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.active = act
	return nil
}

// Deactivate ends what Activate began. What the driver gave up is its own again.
func (d *Device) Deactivate() {
	d.mu.Lock()
	act := d.active
	d.active = nil
	d.mu.Unlock()
	if act != nil {
		act.end()
		d.setRegister(regActual, 0)
		d.setRegister(regPoisonVal, 0)
	}
}

// Pause returns when the requests that were taken are done. Who waits for
// statistics gets an error.
func (d *Device) Pause() {
	if act := d.activation(); act != nil {
		act.pause()
	}
}

// Resume undoes Pause.
func (d *Device) Resume() {
	if act := d.activation(); act != nil {
		act.resume()
	}
}

func (d *Device) activation() *activation {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.active
}
