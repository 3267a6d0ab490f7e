package blk

import (
	"errors"
	"fmt"
	"log/slog"
	"math/bits"
	"sync"
	"sync/atomic"

	"github.com/hullvm/hull/devices/virtio"
	"github.com/hullvm/hull/internal/ratelimit"
)

// Defaults of a Config.
const (
	DefaultQueueSize = 256
	DefaultWorkers   = 16
)

// Bounds of a Config.
const (
	MaxQueues    = 256
	MaxQueueSize = 1024
	MaxSerial    = 20 // bytes
)

// Config is what a block device is made of.
type Config struct {
	Name    string // in errors and logs
	Backend Backend
	Serial  string // what VIRTIO_BLK_T_GET_ID answers; at most MaxSerial bytes

	// ReadOnly refuses all that changes the disk.
	ReadOnly bool

	Queues    int    // 0 for 1
	QueueSize uint16 // entries, a power of 2; 0 for DefaultQueueSize

	// Workers is how many requests may wait for the backend at once, over all
	// queues; 0 for DefaultWorkers.
	Workers int

	BlockSize         uint32 // bytes, a power of 2 from 512 on; 0 for 512
	PhysicalBlockSize uint32 // bytes, likewise; 0 for 4096

	Limits ratelimit.Limits
	Clock  ratelimit.Clock // zero for the host's
	Log    *slog.Logger    // nil for none
}

// Device is a virtio block device.
type Device struct {
	name              string
	backend           Backend
	immediate         Immediate // the backend, or nil
	serial            [MaxSerial]byte
	readOnly          bool
	queues            int
	queueSize         uint16
	blockSize         uint32
	physicalBlockSize uint32
	log               *slog.Logger
	logged            *ratelimit.Limiter
	limit             *ratelimit.Limiter

	capacity  atomic.Uint64 // sectors
	writeback atomic.Bool   // the cache mode, as the driver sees and sets it
	slots     chan struct{} // has one for each request that waits for the backend
	counters  counters

	mu     sync.Mutex // guards what follows
	active *activation
	told   uint64 // the capacity that the driver knows
}

// New returns a block device, which is not active yet.
func New(c Config) (*Device, error) {
	if err := c.complete(); err != nil {
		return nil, fmt.Errorf("disk %q: %w", c.Name, err)
	}
	d := &Device{
		name:              c.Name,
		backend:           c.Backend,
		readOnly:          c.ReadOnly,
		queues:            c.Queues,
		queueSize:         c.QueueSize,
		blockSize:         c.BlockSize,
		physicalBlockSize: c.PhysicalBlockSize,
		log:               c.Log,
		logged:            ratelimit.New(logLimits, c.Clock),
		limit:             ratelimit.New(c.Limits, c.Clock),
		slots:             make(chan struct{}, c.Workers),
	}
	d.immediate, _ = c.Backend.(Immediate)
	copy(d.serial[:], c.Serial)
	d.writeback.Store(true)
	d.measure()
	d.told = d.capacity.Load()
	return d, nil
}

// complete puts defaults in and refuses what makes no device.
func (c *Config) complete() error {
	c.Queues = orDefault(c.Queues, 1)
	c.QueueSize = orDefault(c.QueueSize, DefaultQueueSize)
	c.Workers = orDefault(c.Workers, DefaultWorkers)
	c.BlockSize = orDefault(c.BlockSize, sectorSize)
	c.PhysicalBlockSize = orDefault(c.PhysicalBlockSize, max(4096, c.BlockSize))
	switch {
	case c.Backend == nil:
		return errors.New("no backend")
	case len(c.Serial) > MaxSerial:
		return fmt.Errorf("serial %q: %d bytes, the most is %d", c.Serial, len(c.Serial), MaxSerial)
	case c.Queues < 1 || c.Queues > MaxQueues:
		return fmt.Errorf("%d queues: want 1 to %d", c.Queues, MaxQueues)
	case c.QueueSize < 4 || c.QueueSize > MaxQueueSize || bits.OnesCount16(c.QueueSize) != 1:
		return fmt.Errorf("queues of %d entries: want a power of 2 from 4 to %d", c.QueueSize, MaxQueueSize)
	case c.Workers < 1:
		return fmt.Errorf("%d workers: want at least 1", c.Workers)
	case !blockSize(c.BlockSize):
		return fmt.Errorf("block size %d: want a power of 2 from %d to %d", c.BlockSize, sectorSize, maxBlockSize)
	case !blockSize(c.PhysicalBlockSize) || c.PhysicalBlockSize < c.BlockSize:
		return fmt.Errorf("physical block size %d: want a power of 2 from %d to %d", c.PhysicalBlockSize, c.BlockSize, maxBlockSize)
	}
	return nil
}

// maxBlockSize bounds block sizes, in bytes.
const maxBlockSize = 1 << 16

func blockSize(n uint32) bool {
	return n >= sectorSize && n <= maxBlockSize && bits.OnesCount32(n) == 1
}

func orDefault[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// ID is the block device's type.
func (d *Device) ID() virtio.ID { return virtio.IDBlock }

// QueueSizes are those of Config, one for each request queue.
func (d *Device) QueueSizes() []uint16 {
	sizes := make([]uint16, d.queues)
	for i := range sizes {
		sizes[i] = d.queueSize
	}
	return sizes
}

// Activate starts serving the queues.
func (d *Device) Activate(a *virtio.Activation) error {
	if a.Has(FeatureConfigWCE) && !a.Has(FeatureFlush) && !a.Held {
		d.writeback.Store(false) // section 5.2.5.2
	}
	act, err := d.start(a)
	if err != nil {
		return fmt.Errorf("disk %q: activate: %w", d.name, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.active = act
	if !a.Held {
		d.tellLocked()
	}
	return nil
}

// Deactivate ends what Activate began. It takes as long as the requests that
// the backend is at work on.
func (d *Device) Deactivate() {
	d.mu.Lock()
	act := d.active
	d.active = nil
	d.told = d.capacity.Load() // who comes next asks
	d.mu.Unlock()
	if act != nil {
		act.end()
		d.writeback.Store(true)
	}
}

// Pause returns when the requests that were taken are done.
func (d *Device) Pause() {
	if act := d.activation(); act != nil {
		act.pause()
	}
}

// Resume undoes Pause. A driver whose disk has another size since its state was
// loaded is told.
func (d *Device) Resume() {
	if act := d.activation(); act != nil {
		act.resume()
		d.mu.Lock()
		defer d.mu.Unlock()
		d.tellLocked()
	}
}

func (d *Device) activation() *activation {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.active
}

// Resize asks the backend for its size and tells the driver if it is another one
// than before. It may be called at any time.
func (d *Device) Resize() {
	d.mu.Lock() // until the driver was told: Deactivate waits for that
	defer d.mu.Unlock()
	d.measure()
	d.tellLocked()
}

// tellLocked tells the driver of a capacity that it does not know.
func (d *Device) tellLocked() {
	now := d.capacity.Load()
	if d.told == now {
		return
	}
	d.told = now
	if d.active != nil {
		d.active.ConfigChanged()
	}
}

// measure takes over the backend's size.
func (d *Device) measure() {
	d.capacity.Store(uint64(max(d.backend.Size(), 0)) / sectorSize)
}

// SetLimits changes the limits. Requests that are held back are held to the new
// ones.
func (d *Device) SetLimits(l ratelimit.Limits) { d.limit.Set(l) }

// Limits are those that were set last.
func (d *Device) Limits() ratelimit.Limits { return d.limit.Limits() }
