package pci

import (
	"errors"
	"fmt"
	"log/slog"
	"math/bits"
	"sync"
	"sync/atomic"

	"github.com/hullvm/hull/devices"
	"github.com/hullvm/hull/devices/pci"
	"github.com/hullvm/hull/devices/virtio"
	"github.com/hullvm/hull/internal/eventfd"
	"github.com/hullvm/hull/mem"
)

// Config is what a transport is made of.
type Config struct {
	Name      string // of the function: in errors, logs and the names of regions
	Device    virtio.Device
	Memory    *mem.Guest
	Vectors   pci.VectorMaker // makes the MSI-X vectors, one more than there are queues; nil for INTx alone
	Doorbells Doorbells       // nil where the hypervisor has none: a write to a doorbell exits
	Line      devices.Line    // INTA; nil for none
	Log       *slog.Logger    // nil to count only

	// Offer are the features of every device that are offered beside VERSION_1,
	// of those in DefaultOffer and NOTIFICATION_DATA; 0 for DefaultOffer.
	// VERSION_1 alone offers nothing more.
	Offer uint64
}

// DefaultOffer are the features of every device that a transport offers: those
// of rings.
const DefaultOffer = virtio.FeatureVersion1 | virtio.RingFeatures

// Doorbells has the hypervisor signal an eventfd when a guest writes to an
// address, without an exit to the monitor. A write of any length counts.
type Doorbells interface {
	Add(addr uint64, fd int) error
	Remove(addr uint64, fd int) error
}

// Transport is a virtio device as a PCI function.
type Transport struct {
	name      string
	device    virtio.Device
	memory    *mem.Guest
	doorbells Doorbells
	function  *pci.Function
	msix      *pci.MSIX // nil for none
	kicks     []*kick   // one for each queue
	log       limitedLog

	configVector interrupt
	generation   atomic.Uint32 // config_generation, the low byte
	refused      atomic.Uint64 // writes against the rules

	isrMu sync.Mutex    // held while isr's bits change with the line
	isr   atomic.Uint32 // ISR status

	control sync.Mutex // guards what follows; before mu
	active  bool
	held    bool // the device is active and paused
	paused  bool // by the monitor
	cut     bool // the device's state was loaded, and it has not run since
	lame    bool // it needed a reset then, and waits for that
	closed  bool

	mu        sync.Mutex // guards what follows
	handshake *virtio.Handshake
	running   *virtio.Activation // whose functions count; nil where none does
	selects   selects
	queues    []queue
}

// selects are the registers that choose what others show.
type selects struct {
	deviceFeature, driverFeature uint32
	queue                        uint16
}

// New returns a transport whose function is ready for a root complex. Close
// releases its descriptors.
func New(c Config) (*Transport, error) {
	t, err := newTransport(c)
	if err != nil {
		return nil, fmt.Errorf("virtio device %q: %w", c.Name, err)
	}
	return t, nil
}

func newTransport(c Config) (*Transport, error) {
	offer := c.Offer
	if offer == 0 {
		offer = DefaultOffer
	}
	if extra := offer &^ (DefaultOffer | virtio.FeatureNotificationData); extra != 0 {
		return nil, fmt.Errorf("offer of features %#x: the transport does not have them", extra)
	}
	if s, ok := c.Device.(virtio.Selective); ok {
		offer &^= s.Without()
	}
	t := &Transport{
		name: c.Name, device: c.Device, memory: c.Memory, doorbells: c.Doorbells,
		function:  pci.NewFunction(c.Name, identity(c.Device.ID())),
		log:       limitedLog{log: c.Log, name: c.Name},
		handshake: virtio.NewHandshake(c.Device.Features() | offer | virtio.FeatureVersion1),
	}
	t.configVector.init(t)
	t.function.OnBusMaster(t.masterMoved)
	sizes := c.Device.QueueSizes()
	if len(sizes) > maxQueues {
		return nil, fmt.Errorf("%d queues: the most is %d", len(sizes), maxQueues)
	}
	t.queues = make([]queue, len(sizes))
	for i, size := range sizes {
		if bits.OnesCount16(size) != 1 {
			return nil, fmt.Errorf("queue %d: its size is %d: want a power of 2", i, size)
		}
		t.queues[i].max = size
		t.queues[i].interrupt.init(t)
		t.queues[i].reset()
	}
	if err := t.assemble(c); err != nil {
		return nil, errors.Join(err, t.Close())
	}
	return t, nil
}

// assemble makes the kicks and the function's parts.
func (t *Transport) assemble(c Config) error {
	for range t.queues {
		event, err := eventfd.New()
		if err != nil {
			return err
		}
		t.kicks = append(t.kicks, &kick{event: event})
	}
	vectors := 0
	if c.Vectors != nil {
		vectors = len(t.queues) + 1
	}
	pbaOffset := tableOffset + pages(16*vectors)
	if err := t.function.AddBAR(pci.BAR{
		Index: barIndex, Size: powerOf2(pbaOffset + page), Wide: true,
		Regions: t.regions(), Moved: t.moved,
	}); err != nil {
		return err
	}
	t.function.SetInterrupt(pinOf(c.Line), c.Line)
	if err := t.addCapabilities(); err != nil {
		return err
	}
	if vectors > 0 {
		msix, err := t.function.AddMSIX(pci.MSIXConfig{
			Vectors: vectors, BAR: barIndex, TableOffset: tableOffset, PBAOffset: pbaOffset, Maker: c.Vectors,
		})
		if err != nil {
			return err
		}
		t.msix = msix
	}
	return t.function.AddExpress()
}

func pinOf(l devices.Line) uint8 {
	if l == nil {
		return 0
	}
	return 1
}

// pages rounds n bytes up to whole pages.
func pages(n int) uint64 { return uint64(n+page-1) &^ (page - 1) }

func powerOf2(n uint64) uint64 { return 1 << bits.Len64(n-1) }

// Function is the transport's PCI function.
func (t *Transport) Function() *pci.Function { return t.function }

// Close deactivates the device, takes its BAR off the bus and releases
// descriptors. Registers still answer; the device is not activated again.
func (t *Transport) Close() error {
	t.control.Lock()
	defer t.control.Unlock()
	if t.closed {
		return nil
	}
	t.closed = true
	t.stop()
	err := t.function.Close()
	for _, k := range t.kicks {
		err = errors.Join(err, k.event.Close())
	}
	return err
}

// Stats are a transport's counters.
type Stats struct {
	Refused uint64 // writes of the driver against the rules
}

// Stats returns the transport's counters.
func (t *Transport) Stats() Stats { return Stats{Refused: t.refused.Load()} }
