package virtq

import (
	"encoding/binary"
	"fmt"

	"github.com/hullvm/hull/mem"
)

// Offsets in a packed ring's descriptor (section 2.8.13).
const (
	packedLen   = 8
	packedID    = 12
	packedFlags = 14
)

// The event suppression areas (section 2.8.14): a ring position in the low half
// of a 32-bit word, and flags in its high half.
const (
	eventSize = 4

	eventEnable  = 0 // RING_EVENT_FLAGS_ENABLE
	eventDisable = 1 // RING_EVENT_FLAGS_DISABLE
	eventDesc    = 2 // RING_EVENT_FLAGS_DESC: when the position is passed
)

// packed is a packed virtqueue.
type packed struct {
	mem *mem.Guest
	Layout
	Options

	avail slot   // the next to take
	used  slot   // the next to use up
	taken uint16 // slots between the two
	moved uint32 // slots used up since the driver was asked about interrupts
	quiet bool   // the driver was told not to notify

	// The flags of the first descriptor that was filled and not shown, and
	// where they go; 0 where there is none, for flags are never at address 0.
	first      mem.Addr
	firstFlags uint16

	table table
}

func newPacked(m *mem.Guest, l Layout, o Options) (ring, error) {
	if l.Size == 0 || l.Size > MaxSize {
		return nil, brokenf("queue of %d entries: want 1 to %d", l.Size, MaxSize)
	}
	for _, a := range []area{
		{"descriptor ring", l.Desc, uint64(l.Size) * descriptorSize, 16},
		{"driver event suppression", l.Driver, eventSize, 4},
		{"device event suppression", l.Device, eventSize, 4},
	} {
		if err := a.check(m); err != nil {
			return nil, err
		}
	}
	return &packed{mem: m, Layout: l, Options: o, avail: slot{wrap: true}, used: slot{wrap: true}, table: table{mem: m}}, nil
}

func (p *packed) at(s slot) mem.Addr { return p.Desc + mem.Addr(s.off)*descriptorSize }

func (p *packed) ready() (bool, error) {
	flags, err := p.mem.LoadUint16(p.at(p.avail) + packedFlags)
	if err != nil {
		return false, err
	}
	// Available in this lap, and not used in it (section 2.8.1).
	ready := (flags&descAvail != 0) == p.avail.wrap && (flags&descUsed != 0) != p.avail.wrap
	if ready && p.taken == p.Size {
		return false, brokenf("descriptor %d: available, in a ring whose %d are all under way", p.avail.off, p.Size)
	}
	return ready, nil
}

func (p *packed) next(c *Chain) (bool, error) {
	if ok, err := p.ready(); !ok || err != nil {
		return false, err
	}
	b := builder{chain: c}
	for at, n := p.avail, uint16(1); ; at, n = at.forward(1, p.Size), n+1 {
		if n > p.Size-p.taken {
			return false, brokenf("descriptor %d: a chain longer than what is left of the ring", p.avail.off)
		}
		var raw [descriptorSize]byte
		if err := p.mem.ReadAt(raw[:], p.at(at)); err != nil {
			return false, err
		}
		d := packedOf(&raw)
		if err := p.collect(&b, at, n, d); err != nil {
			return false, err
		}
		if d.flags&descNext == 0 {
			c.id, c.slots = d.id, n // the last descriptor's id counts
			p.taken += n
			p.avail = p.avail.forward(n, p.Size)
			return true, nil
		}
	}
}

// collect takes the nth descriptor of a chain.
func (p *packed) collect(b *builder, at slot, n uint16, d packedDescriptor) error {
	if d.flags&descIndirect == 0 {
		return b.add(d.addr, d.length, d.flags&descWrite != 0)
	}
	if !p.Indirect || d.flags&descNext != 0 || n > 1 {
		return brokenf("descriptor %d: an indirect table that is not the whole chain, or not negotiated", at.off)
	}
	return p.collectTable(b, d)
}

// collectTable takes all descriptors of an indirect table, which follow each
// other (section 2.8.7). Flags but the one for writing mean nothing in it; a
// table within it is still refused, lest a driver believes that it worked.
func (p *packed) collectTable(b *builder, d packedDescriptor) error {
	t := &p.table
	if err := t.open(d.addr, d.length); err != nil {
		return err
	}
	for i := range t.size {
		raw, err := t.entry(i)
		if err != nil {
			return err
		}
		d := packedOf(raw)
		if d.flags&descIndirect != 0 {
			return brokenf("indirect descriptor %d: an indirect table within another", i)
		}
		if err := b.add(d.addr, d.length, d.flags&descWrite != 0); err != nil {
			return err
		}
	}
	return nil
}

func (p *packed) untake(slots uint16) error {
	if slots > p.taken {
		return errNotTaken
	}
	p.taken -= slots
	p.avail = p.avail.back(slots, p.Size)
	return nil
}

// fill writes a used descriptor. Its flags show it to the driver: those of the
// first are left to show, which shows all that were filled behind it.
func (p *packed) fill(id, slots uint16, written uint32) error {
	if slots == 0 || slots > p.taken {
		return errNotTaken
	}
	var entry [packedFlags - packedLen]byte
	binary.LittleEndian.PutUint32(entry[0:], written)
	binary.LittleEndian.PutUint16(entry[packedID-packedLen:], id)
	at := p.at(p.used)
	if err := p.mem.WriteAt(entry[:], at+packedLen); err != nil {
		return err
	}
	flags := p.usedFlags(written)
	if p.first == 0 {
		p.first, p.firstFlags = at+packedFlags, flags
	} else if err := p.mem.PutUint16(at+packedFlags, flags); err != nil {
		return err
	}
	p.used = p.used.forward(slots, p.Size)
	p.taken -= slots
	if p.moved <= uint32(p.Size) {
		p.moved += uint32(slots)
	}
	return nil
}

// usedFlags are those of the next used descriptor (section 2.8.6).
func (p *packed) usedFlags(written uint32) (flags uint16) {
	if p.used.wrap {
		flags = descAvail | descUsed
	}
	if written > 0 {
		flags |= descWrite // without it the length means nothing
	}
	return flags
}

func (p *packed) show() error {
	at := p.first
	p.first = 0
	return p.mem.StoreUint16(at, p.firstFlags)
}

func (p *packed) setKicks(on bool) error {
	if !on {
		if p.quiet {
			return nil
		}
		p.quiet = true
		return p.mem.StoreUint32(p.Device, eventDisable<<16)
	}
	p.quiet = false
	if p.EventIndex {
		return p.mem.StoreUint32(p.Device, uint32(p.avail.word())|eventDesc<<16)
	}
	return p.mem.StoreUint32(p.Device, eventEnable<<16)
}

func (p *packed) interruptWanted() (bool, error) {
	moved := p.moved
	p.moved = 0
	// Position and flags belong together: one load.
	event, err := p.mem.LoadUint32(p.Driver)
	if err != nil {
		return false, err
	}
	switch flags := event >> 16 & 3; {
	case flags == eventDisable:
		return false, nil
	case flags != eventDesc || !p.EventIndex:
		return true, nil
	}
	return p.passed(slotOf(uint16(event)), moved), nil
}

// passed reports whether event is among the last moved slots used up.
func (p *packed) passed(event slot, moved uint32) bool {
	if moved > uint32(p.Size) {
		return true // more than a lap: nobody can tell
	}
	ago := int(p.used.off) - int(event.off) // how many slots back event begins
	if event.wrap != p.used.wrap {
		ago += int(p.Size)
	}
	return ago > 0 && ago <= int(moved)
}

func (p *packed) position() Position {
	return Position{Next: p.avail.word(), Used: p.used.word()}
}

func (p *packed) restore(pos Position) error {
	next, used := slotOf(pos.Next), slotOf(pos.Used)
	if next.off >= p.Size || used.off >= p.Size {
		return fmt.Errorf("queue position: next %d, used %d in a ring of %d", next.off, used.off, p.Size)
	}
	taken := int(next.off) - int(used.off)
	if next.wrap != used.wrap {
		taken += int(p.Size)
	}
	if taken < 0 || taken > int(p.Size) {
		return fmt.Errorf("queue position: next %#x, used %#x: %d slots under way in a ring of %d", pos.Next, pos.Used, taken, p.Size)
	}
	p.avail, p.used, p.taken = next, used, uint16(taken)
	p.quiet = false
	return nil
}
