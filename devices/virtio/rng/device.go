package rng

import (
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"sync"

	"github.com/hullvm/hull/devices/virtio"
	"github.com/hullvm/hull/internal/ratelimit"
)

// queueSize is the queue's entries. A driver has one request under way.
const queueSize = 16

// Config is what an entropy device is made of.
type Config struct {
	Name string // in errors and logs

	// Source gives the random bytes; nil for crypto/rand. A Read should not take
	// long: pausing and resetting wait for it.
	Source io.Reader

	Limits ratelimit.Limits
	Clock  ratelimit.Clock // zero for the host's
	Log    *slog.Logger    // nil for none
}

// Device is a virtio entropy device.
type Device struct {
	name     string
	source   io.Reader
	log      *slog.Logger
	logged   *ratelimit.Limiter
	limit    *ratelimit.Limiter
	counters counters

	mu     sync.Mutex // guards what follows
	active *activation
}

// New returns an entropy device, which is not active yet.
func New(c Config) *Device {
	d := &Device{
		name:   c.Name,
		source: c.Source,
		log:    c.Log,
		logged: ratelimit.New(logLimits, c.Clock),
		limit:  ratelimit.New(c.Limits, c.Clock),
	}
	if d.source == nil {
		d.source = rand.Reader
	}
	return d
}

// ID is the entropy device's type.
func (d *Device) ID() virtio.ID { return virtio.IDEntropy }

// Features are none: the device has no choices (section 5.4.3).
func (d *Device) Features() uint64 { return 0 }

// QueueSizes are the one of requestq (section 5.4.2).
func (d *Device) QueueSizes() []uint16 { return []uint16{queueSize} }

// ReadConfig gives zeros: there is no configuration (section 5.4.4).
func (d *Device) ReadConfig(_ uint64, p []byte) { clear(p) }

// WriteConfig drops what is written.
func (d *Device) WriteConfig(uint64, []byte) {}

// SetLimits changes the limits. A request that is held back is held to the new
// ones.
func (d *Device) SetLimits(l ratelimit.Limits) { d.limit.Set(l) }

// Limits are those that were set last.
func (d *Device) Limits() ratelimit.Limits { return d.limit.Limits() }

// activation is a device between Activate and Deactivate.
type activation struct {
	*virtio.Activation
	device *Device
	queue  *virtio.Queue
	worker *virtio.Worker
	paused bool
	stop   chan struct{} // closed to stop serving; new after a pause
}

// Activate starts serving the queue.
func (d *Device) Activate(a *virtio.Activation) error {
	act := &activation{Activation: a, device: d, queue: a.Queues[0], paused: a.Held, stop: make(chan struct{})}
	if act.paused {
		close(act.stop)
	}
	if act.queue != nil {
		var err error
		if act.worker, err = virtio.StartWorker(act.queue, act.serve, a.Broken); err != nil {
			return fmt.Errorf("entropy device %q: activate: %w", d.name, err)
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.active = act
	return nil
}

// Deactivate ends what Activate began.
func (d *Device) Deactivate() {
	d.mu.Lock()
	act := d.active
	d.active = nil
	d.mu.Unlock()
	if act == nil || act.worker == nil {
		return
	}
	if !act.paused {
		close(act.stop)
	}
	act.worker.Stop()
}

// Pause returns when the request that was taken is answered, with as many bytes
// as there were by then.
func (d *Device) Pause() {
	act := d.activation()
	if act == nil || act.worker == nil || act.paused {
		return
	}
	act.paused = true
	close(act.stop)
	act.worker.Pause()
}

// Resume undoes Pause.
func (d *Device) Resume() {
	act := d.activation()
	if act == nil || act.worker == nil || !act.paused {
		return
	}
	act.paused = false
	act.stop = make(chan struct{}) // the worker is parked
	act.worker.Resume()
}

func (d *Device) activation() *activation {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.active
}
