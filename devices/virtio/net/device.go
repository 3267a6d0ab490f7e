package net

import (
	"encoding/binary"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/hullvm/hull/devices/virtio"
	"github.com/hullvm/hull/internal/ratelimit"
)

// logLimits bound the lines that a driver can cause.
var logLimits = ratelimit.Limits{Ops: ratelimit.Rate{PerSecond: 1, Burst: 10}}

// Device is a network card.
type Device struct {
	name       string
	log        *slog.Logger
	logged     *ratelimit.Limiter // what the driver can make the card log
	configured MAC
	mtu        uint16
	pairCount  int
	queueSize  uint16
	features   uint64
	backend    Backend
	ports      []Port
	antiSpoof  bool

	limitRX, limitTX Limiter // nil for no limit

	// What the queues' goroutines read for each frame.
	status   atomic.Uint32 // of the configuration space
	mac      atomic.Pointer[MAC]
	filter   atomic.Pointer[filter]
	offloads atomic.Uint64 // that received frames may need

	rx, tx []counters // by pair

	control *virtio.Worker // of the control queue, nil where there is none

	// signal is held for reading over a call of Activation.ConfigChanged.
	signal sync.RWMutex
	active *virtio.Activation // nil where the device is not; written under signal

	mu     sync.Mutex // guards what follows; not to be held where control is waited for
	run    *run       // nil where the device is not active
	wanted int        // how many pairs the driver wants served
	loaded *uint64    // what the driver that was loaded had negotiated; nil once it is active
	vhost  vhostState
}

// New makes a card. The backend, and Config.VHostNet, are its own from here on,
// also where there is an error.
func New(c Config) (*Device, error) {
	d, err := newDevice(c)
	if err != nil {
		if c.Backend != nil {
			_ = c.Backend.Close()
		}
		closeVHost(c.VHostNet)
		return nil, fmt.Errorf("net %q: %w", c.Name, err)
	}
	return d, nil
}

func newDevice(c Config) (*Device, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	d := &Device{
		name:       c.Name,
		log:        c.Log,
		logged:     ratelimit.New(logLimits, ratelimit.Clock{}),
		configured: c.MAC,
		mtu:        c.MTU,
		pairCount:  c.QueuePairs,
		queueSize:  c.QueueSize,
		backend:    c.Backend,
		ports:      c.Backend.Ports(),
		antiSpoof:  c.AntiSpoof,
		limitRX:    c.LimitRX,
		limitTX:    c.LimitTX,
		rx:         make([]counters, c.QueuePairs),
		tx:         make([]counters, c.QueuePairs),
	}
	d.features = d.offered()
	d.status.Store(statusLinkUp)
	d.forget()
	return d, d.prepareVHost(c)
}

// offered are the features of a card with its backend.
func (d *Device) offered() uint64 {
	f := uint64(FeatureMAC | FeatureStatus | FeatureMrgRXBuf | FeatureCtrlVQ | FeatureCtrlRX | FeatureCtrlMACAddr | FeatureGuestAnnounce)
	if d.mtu != 0 {
		f |= FeatureMTU
	}
	if d.pairCount > 1 {
		f |= FeatureMQ
	}
	offloads := d.backend.Offloads() & (hostOffloads | guestOffloads)
	if offloads&guestOffloads != 0 {
		f |= FeatureCtrlGuestOffloads
	}
	return f | offloads
}

// forget puts back what a driver can change and what is not kept over a reset. The
// caller holds mu, or has the device alone.
func (d *Device) forget() {
	d.wanted, d.loaded = 1, nil
	mac := d.configured
	d.mac.Store(&mac)
	d.filter.Store(startFilter())
	d.offloads.Store(0)
	d.status.And(^uint32(statusAnnounce | statusUntold))
}

// ID implements [virtio.Device].
func (d *Device) ID() virtio.ID { return virtio.IDNet }

// Features implements [virtio.Device].
func (d *Device) Features() uint64 { return d.features }

// QueueSizes implements [virtio.Device]: receiveq1, transmitq1, receiveq2 and so
// on, and the control queue (section 5.1.2).
func (d *Device) QueueSizes() []uint16 {
	sizes := make([]uint16, 0, 2*d.pairCount+1)
	for range 2 * d.pairCount {
		sizes = append(sizes, d.queueSize)
	}
	return append(sizes, min(controlQueueSize, d.queueSize))
}

// ReadConfig implements [virtio.Device].
func (d *Device) ReadConfig(off uint64, p []byte) {
	clear(p)
	if off >= configSize {
		return
	}
	var space [configSize]byte
	copy(space[configMAC:], d.mac.Load()[:])
	binary.LittleEndian.PutUint16(space[configStatus:], uint16(d.status.Load()))
	binary.LittleEndian.PutUint16(space[configMaxPairs:], uint16(d.pairCount))
	binary.LittleEndian.PutUint16(space[configMTU:], d.mtu)
	copy(p, space[off:])
}

// WriteConfig implements [virtio.Device]: nothing is writable by a driver of
// version 1 (section 5.1.4.2).
func (d *Device) WriteConfig(uint64, []byte) {}

// MAC is the card's address as the driver set it last.
func (d *Device) MAC() MAC { return *d.mac.Load() }

// Received and Sent are what went through the card.
func (d *Device) Received() Counters { return sum(d.rx) }

// Sent is the other direction of Received.
func (d *Device) Sent() Counters { return sum(d.tx) }

func sum(queues []counters) (c Counters) {
	for i := range queues {
		queues[i].addTo(&c)
	}
	return c
}

// Close releases the backend. The device is not active.
func (d *Device) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	closeVHost(d.vhost.nets)
	d.vhost.nets = nil
	if err := d.backend.Close(); err != nil {
		return fmt.Errorf("net %q: close: %w", d.name, err)
	}
	return nil
}
