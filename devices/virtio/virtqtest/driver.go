package virtqtest

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/hullvm/hull/devices/virtio"
	"github.com/hullvm/hull/devices/virtio/virtq"
	"github.com/hullvm/hull/internal/eventfd"
	"github.com/hullvm/hull/mem"
)

// deadline bounds the wait for a device. Only a failing test waits that long.
const deadline = 10 * time.Second

// poison fills writable buffers before the device gets them.
const poison = 0xa5

// Options say what a driver negotiated and where it lives.
type Options struct {
	Index int    // the queue's number
	Size  uint16 // entries; 16 where it is 0

	Packed     bool
	EventIndex bool
	Indirect   bool // chains of more than one buffer are put in a table
	InOrder    bool

	// Start is how many entries of a split ring, or slots of a packed one, were
	// used before the queue was moved here.
	Start uint64

	// Memory is shared with other drivers; nil makes DefaultMemory.
	Memory *Memory

	// Rand, where set, makes what the driver is free to choose vary: which
	// descriptors it takes, and which chains it puts in a table.
	Rand *rand.Rand
}

// Token names a request of a driver; each is given once.
type Token int

// Buffer is one descriptor's worth of a request, as the driver writes it.
type Buffer struct {
	Addr  mem.Addr
	Len   uint32
	Write bool // for the device to write
}

// Used is what came of a request.
type Used struct {
	Token   Token
	Written uint32 // what the device says it wrote, in bytes

	// Writable are the contents of the buffers for the device to write, all of
	// them, whatever Written says. What was not written is 0xa5.
	Writable [][]byte
}

// Bytes are the bytes that the device says it wrote.
func (u Used) Bytes() (b []byte) {
	for _, w := range u.Writable {
		b = append(b, w...)
	}
	return b[:min(int(u.Written), len(b))]
}

// Driver drives one virtqueue. It is for one goroutine; the device may run in
// others.
type Driver struct {
	Memory    *Memory
	Interrupt *Interrupt
	Kicks     int // notifications sent by Kick

	options   Options
	layout    virtq.Layout
	queue     *virtio.Queue
	kick      *eventfd.EventFD
	ring      ring
	token     Token
	requests  map[uint16]request // by the id that the ring gave
	order     []Token            // under way, oldest first; kept where InOrder
	interrupt bool               // interrupts are wanted
}

// request is what the driver remembers of one.
type request struct {
	token     Token
	buffers   []Buffer // all of them
	owned     bool     // they are the driver's to read and free
	table     mem.Addr
	tableSize uint64
}

// ring is what a split and a packed ring have in common for a driver.
type ring interface {
	// room is how many descriptors are free.
	room() int
	// stage writes a chain that the device does not see yet, and names it.
	stage(chain []Buffer, table mem.Addr, tableLen uint32) (id uint16)
	// encodeTable writes an indirect table.
	encodeTable(at mem.Addr, buffers []Buffer)
	// publish shows the device what was staged.
	publish()
	// take gives the next used chain. written is 0 where the ring says nothing.
	take() (id uint16, written uint32, ok bool)
	// kickWanted says whether the device wants to know of what was published
	// since the last call.
	kickWanted() bool
	// interrupts asks for an interrupt when something more is used, or not.
	interrupts(on bool)
	// move is the ring as it stands, in a copy of its memory.
	move(*Memory) ring
}

// New makes a driver and its queue, which end with t.
func New(t testing.TB, o Options) *Driver {
	t.Helper()
	if o.Size == 0 {
		o.Size = 16
	}
	if o.Memory == nil {
		o.Memory = NewMemory(t, DefaultMemory)
	}
	kick, err := eventfd.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = kick.Close() })
	d := &Driver{
		Memory:    o.Memory,
		Interrupt: NewInterrupt(),
		options:   o,
		kick:      kick,
		requests:  make(map[uint16]request),
		interrupt: true,
	}
	start := uint16(o.Start)
	if o.Packed {
		p := newPacked(o)
		d.ring, d.layout = p, p.Layout
		start = p.slot(o.Start)
	} else {
		s := newSplit(o)
		d.ring, d.layout = s, s.Layout
	}
	d.queue, err = virtio.NewQueue(o.Index, o.Memory.Guest, d.layout, d.RingOptions(), kick, d.Interrupt)
	if err != nil {
		t.Fatal(err)
	}
	if o.Start > 0 {
		if err := d.queue.Restore(virtq.Position{Next: start, Used: start}); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

// Queue is the device's side.
func (d *Driver) Queue() *virtio.Queue { return d.queue }

// Layout says where the queue's areas lie.
func (d *Driver) Layout() virtq.Layout { return d.layout }

// RingOptions are the negotiated features of the ring.
func (d *Driver) RingOptions() virtq.Options {
	o := d.options
	return virtq.Options{Packed: o.Packed, EventIndex: o.EventIndex, Indirect: o.Indirect, InOrder: o.InOrder}
}

// Features are the negotiated features of every device.
func (d *Driver) Features() uint64 {
	features := uint64(virtio.FeatureVersion1)
	for feature, on := range map[uint64]bool{
		virtio.FeatureRingPacked:   d.options.Packed,
		virtio.FeatureEventIdx:     d.options.EventIndex,
		virtio.FeatureIndirectDesc: d.options.Indirect,
		virtio.FeatureInOrder:      d.options.InOrder,
	} {
		if on {
			features |= feature
		}
	}
	return features
}

// Pending is how many requests the device has not given back.
func (d *Driver) Pending() int { return len(d.requests) }

// Room is how many descriptors of the ring are free.
func (d *Driver) Room() int { return d.ring.room() }

// Kick notifies the device if it wants to know of what was added since the last
// Kick, and reports whether it did.
func (d *Driver) Kick() bool {
	if !d.ring.kickWanted() {
		return false
	}
	d.Kicks++
	d.queue.Kick()
	return true
}

// Interrupts says whether the driver wants interrupts, which it does from the
// beginning.
func (d *Driver) Interrupts(on bool) {
	d.interrupt = on
	d.ring.interrupts(on)
}
