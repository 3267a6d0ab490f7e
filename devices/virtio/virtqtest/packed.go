package virtqtest

import (
	"math/rand/v2"

	"github.com/hullvm/hull/devices/virtio/virtq"
	"github.com/hullvm/hull/mem"
)

// Flags of a packed ring's event suppression areas (section 2.8.14).
const (
	EventEnable  = 0 // RING_EVENT_FLAGS_ENABLE
	EventDisable = 1 // RING_EVENT_FLAGS_DISABLE
	EventDesc    = 2 // RING_EVENT_FLAGS_DESC
)

// PackedDescriptor is struct pvirtq_desc (section 2.8.13).
type PackedDescriptor struct {
	Addr  mem.Addr
	Len   uint32
	ID    uint16
	Flags uint16
}

// Event is an event suppression area. Off has the wrap counter in bit 15.
type Event struct {
	Off   uint16
	Flags uint16
}

// Packed is the driver's side of a packed ring, down to its words. It counts in
// laps: a position is a number that only grows, its offset the remainder by the
// ring's size, its wrap counter the parity of the laps.
type Packed struct {
	virtq.Layout

	mem        *Memory
	rand       *rand.Rand
	eventIndex bool
	inOrder    bool

	ids    []uint16          // free
	chains map[uint16]uint16 // slots of each chain under way
	taken  uint16            // slots of all of them
	next   uint64            // the position that the next descriptor gets
	told   uint64            // the same when the device was last asked
	used   uint64            // the position of the next used descriptor

	// What stage left for publish: the first descriptor's flags, which show
	// all.
	staged    bool
	head      uint64
	headFlags uint16
}

// Packed gives access to the words of a packed ring, for tests of what a driver
// must not do.
func (d *Driver) Packed() *Packed { return d.ring.(*Packed) }

func newPacked(o Options) *Packed {
	n := uint64(o.Size)
	p := &Packed{
		Layout: virtq.Layout{
			Size:   o.Size,
			Desc:   o.Memory.Alloc(n * descriptorSize),
			Driver: o.Memory.Alloc(4),
			Device: o.Memory.Alloc(4),
		},
		mem:        o.Memory,
		rand:       o.Rand,
		eventIndex: o.EventIndex,
		inOrder:    o.InOrder,
		chains:     make(map[uint16]uint16),
		next:       o.Start,
		told:       o.Start,
		used:       o.Start,
	}
	must(p.mem.Zero(p.Desc, n*descriptorSize))
	must(p.mem.Zero(p.Driver, 4))
	must(p.mem.Zero(p.Device, 4))
	for at := o.Start - min(o.Start, n); at < o.Start; at++ {
		if p.wrap(at) { // used in that lap
			p.PutFlags(uint16(at%n), FlagAvail|FlagUsed)
		}
	}
	for i := range o.Size {
		p.ids = append(p.ids, o.Size-1-i)
	}
	if p.eventIndex {
		p.interrupts(true)
	}
	return p
}

func (p *Packed) room() int { return int(p.Size - p.taken) }

func (p *Packed) takeID() uint16 {
	last := len(p.ids) - 1
	if p.rand != nil {
		i := p.rand.IntN(last + 1)
		p.ids[i], p.ids[last] = p.ids[last], p.ids[i]
	}
	id := p.ids[last]
	p.ids = p.ids[:last]
	return id
}

func (p *Packed) wrap(position uint64) bool { return position/uint64(p.Size)%2 == 0 }

// slot is a position as the event areas have it.
func (p *Packed) slot(position uint64) uint16 {
	off := uint16(position % uint64(p.Size))
	if p.wrap(position) {
		off |= 1 << 15
	}
	return off
}

func (p *Packed) stage(chain []Buffer, table mem.Addr, tableLen uint32) uint16 {
	id := p.takeID()
	var ds []PackedDescriptor
	for _, b := range chain {
		ds = append(ds, packedOf(b))
	}
	if tableLen > 0 {
		ds = append(ds, PackedDescriptor{Addr: table, Len: tableLen, Flags: FlagIndirect})
	}
	for i := range ds {
		d := &ds[i]
		d.ID = id
		if i+1 < len(ds) {
			d.Flags |= FlagNext
			if p.rand != nil {
				d.ID = uint16(p.rand.Uint32()) // to be ignored
			}
		}
		d.Flags |= p.availFlags(p.next)
		if i == 0 && !p.staged {
			// All that is staged is shown by the flags of its first
			// descriptor, which are written last.
			p.staged, p.head, p.headFlags = true, p.next, d.Flags
			d.Flags ^= FlagAvail | FlagUsed
		}
		p.PutDescriptor(uint16(p.next%uint64(p.Size)), *d)
		p.next++
	}
	p.chains[id] = uint16(len(ds))
	p.taken += uint16(len(ds))
	return id
}

// availFlags are the flags by which a descriptor at position is available.
func (p *Packed) availFlags(position uint64) uint16 {
	if p.wrap(position) {
		return FlagAvail
	}
	return FlagUsed
}

func packedOf(b Buffer) PackedDescriptor {
	d := PackedDescriptor{Addr: b.Addr, Len: b.Len}
	if b.Write {
		d.Flags = FlagWrite
	}
	return d
}

func (p *Packed) encodeTable(at mem.Addr, buffers []Buffer) {
	for i, b := range buffers {
		d := packedOf(b)
		if p.rand != nil {
			d.ID = uint16(p.rand.Uint32()) // to be ignored
		}
		PutPackedDescriptor(p.mem, at+mem.Addr(i)*descriptorSize, d)
	}
}

func (p *Packed) publish() {
	if p.staged {
		p.staged = false
		p.PutFlags(uint16(p.head%uint64(p.Size)), p.headFlags)
	}
}

func (p *Packed) take() (id uint16, written uint32, ok bool) {
	index := uint16(p.used % uint64(p.Size))
	flags := p.Flags(index)
	avail, used := flags&FlagAvail != 0, flags&FlagUsed != 0
	if avail != used || used != p.wrap(p.used) || p.taken == 0 {
		return 0, 0, false
	}
	d := p.Descriptor(index)
	slots, ok := p.chains[d.ID]
	if !ok {
		panic("virtqtest: the device used a chain that it was not given")
	}
	delete(p.chains, d.ID)
	p.ids = append(p.ids, d.ID)
	p.taken -= slots
	p.used += uint64(slots)
	if flags&FlagWrite == 0 {
		d.Len = 0 // it means nothing then
	}
	return d.ID, d.Len, true
}

func (p *Packed) kickWanted() bool {
	now, old := p.next, p.told
	if p.staged {
		now = p.head
	}
	if now == old {
		return false
	}
	p.told = now
	event := p.DeviceEvent()
	if event.Flags != EventDesc {
		return event.Flags != EventDisable
	}
	// Section 2.8.10: whether a descriptor published since is the one at Off.
	for at := old; at < now; at++ {
		if p.slot(at) == event.Off {
			return true
		}
	}
	return false
}

func (p *Packed) interrupts(on bool) {
	switch {
	case !on:
		p.PutDriverEvent(Event{Flags: EventDisable})
	case p.eventIndex:
		p.PutDriverEvent(Event{Off: p.slot(p.used), Flags: EventDesc})
	default:
		p.PutDriverEvent(Event{Flags: EventEnable})
	}
}
