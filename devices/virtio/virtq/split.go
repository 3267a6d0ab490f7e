package virtq

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/hullvm/hull/mem"
)

// Offsets in the available ring (section 2.7.6) and the used ring (2.7.8). Behind
// each ring's entries stands the word by which the other side is told when to
// notify: used_event and avail_event.
const (
	ringFlags   = 0
	ringIndex   = 2
	ringEntries = 4

	availEntrySize = 2
	usedEntrySize  = 8

	flagNoInterrupt = 1 << 0 // of the available ring
	flagNoNotify    = 1 << 0 // of the used ring
)

// split is a split virtqueue.
type split struct {
	mem *mem.Guest
	Layout
	Options

	avail uint16 // the next entry of the available ring to take
	used  uint16 // the next entry of the used ring to fill
	moved uint32 // entries filled since the driver was asked about interrupts
	table table
}

func newSplit(m *mem.Guest, l Layout, o Options) (ring, error) {
	if l.Size == 0 || l.Size > MaxSize || l.Size&(l.Size-1) != 0 {
		return nil, brokenf("queue of %d entries: want a power of 2 up to %d", l.Size, MaxSize)
	}
	n := uint64(l.Size)
	for _, a := range []area{
		{"descriptor table", l.Desc, n * descriptorSize, 16},
		{"available ring", l.Driver, ringEntries + n*availEntrySize + 2, 2},
		{"used ring", l.Device, ringEntries + n*usedEntrySize + 2, 4},
	} {
		if err := a.check(m); err != nil {
			return nil, err
		}
	}
	return &split{mem: m, Layout: l, Options: o, table: table{mem: m}}, nil
}

// usedEvent is where the driver says when it wants an interrupt.
func (s *split) usedEvent() mem.Addr {
	return s.Driver + ringEntries + mem.Addr(s.Size)*availEntrySize
}

// availEvent is where the driver is told when to notify.
func (s *split) availEvent() mem.Addr {
	return s.Device + ringEntries + mem.Addr(s.Size)*usedEntrySize
}

func (s *split) ready() (bool, error) {
	index, err := s.mem.LoadUint16(s.Driver + ringIndex)
	if err != nil {
		return false, err
	}
	// What is under way has its place in the ring still.
	if n := index - s.used; n > s.Size || n < s.avail-s.used {
		return false, brokenf("available index %d: taken up to %d and used up to %d in a ring of %d", index, s.avail, s.used, s.Size)
	}
	return index != s.avail, nil
}

func (s *split) next(c *Chain) (bool, error) {
	if ok, err := s.ready(); !ok || err != nil {
		return false, err
	}
	entry := s.Driver + ringEntries + mem.Addr(s.avail&(s.Size-1))*availEntrySize
	head, err := s.mem.Uint16(entry)
	if err != nil {
		return false, err
	}
	if err := s.collect(c, head); err != nil {
		return false, err
	}
	c.id, c.slots = head, 1
	s.avail++
	return true, nil
}

// collect follows the chain that begins at descriptor head.
func (s *split) collect(c *Chain, head uint16) error {
	b := builder{chain: c}
	for index, steps := head, uint16(0); ; steps++ {
		if index >= s.Size {
			return brokenf("descriptor %d: the table has %d", index, s.Size)
		}
		if steps == s.Size {
			return brokenf("descriptor %d: the chain loops", head)
		}
		var raw [descriptorSize]byte
		if err := s.mem.ReadAt(raw[:], s.Desc+mem.Addr(index)*descriptorSize); err != nil {
			return err
		}
		d := splitOf(&raw)
		if d.flags&descIndirect != 0 {
			if !s.Indirect || d.flags&descNext != 0 {
				return brokenf("descriptor %d: an indirect table that is not the chain's last, or not negotiated", index)
			}
			return s.collectTable(&b, d)
		}
		if err := b.add(d.addr, d.length, d.flags&descWrite != 0); err != nil {
			return err
		}
		if d.flags&descNext == 0 {
			return nil
		}
		index = d.next
	}
}

// collectTable follows the chain in an indirect table (section 2.7.5.3).
func (s *split) collectTable(b *builder, d splitDescriptor) error {
	t := &s.table
	if err := t.open(d.addr, d.length); err != nil {
		return err
	}
	for index, steps := uint32(0), uint32(0); ; steps++ {
		if index >= t.size {
			return brokenf("indirect descriptor %d: the table has %d", index, t.size)
		}
		if steps == t.size {
			return brokenf("indirect table at %#x: the chain loops", uint64(t.at))
		}
		raw, err := t.entry(index)
		if err != nil {
			return err
		}
		d := splitOf(raw)
		if d.flags&descIndirect != 0 {
			return brokenf("indirect descriptor %d: an indirect table within another", index)
		}
		if err := b.add(d.addr, d.length, d.flags&descWrite != 0); err != nil {
			return err
		}
		if d.flags&descNext == 0 {
			return nil
		}
		index = uint32(d.next)
	}
}

func (s *split) untake(uint16) error {
	if s.used == s.avail {
		return errNotTaken
	}
	s.avail--
	return nil
}

func (s *split) fill(id, _ uint16, written uint32) error {
	if s.used == s.avail {
		return errNotTaken
	}
	var entry [usedEntrySize]byte
	binary.LittleEndian.PutUint32(entry[0:], uint32(id))
	binary.LittleEndian.PutUint32(entry[4:], written)
	at := s.Device + ringEntries + mem.Addr(s.used&(s.Size-1))*usedEntrySize
	if err := s.mem.WriteAt(entry[:], at); err != nil {
		return err
	}
	s.used++
	if s.moved <= math.MaxUint16 {
		s.moved++
	}
	return nil
}

func (s *split) show() error { return s.mem.StoreUint16(s.Device+ringIndex, s.used) }

func (s *split) setKicks(on bool) error {
	if s.EventIndex {
		if !on {
			return nil // the driver notifies once, when it passes avail_event
		}
		return s.mem.StoreUint16(s.availEvent(), s.avail)
	}
	var flags uint16
	if !on {
		flags = flagNoNotify
	}
	return s.mem.StoreUint16(s.Device+ringFlags, flags)
}

func (s *split) interruptWanted() (bool, error) {
	moved := s.moved
	s.moved = 0
	if !s.EventIndex {
		flags, err := s.mem.LoadUint16(s.Driver + ringFlags)
		return flags&flagNoInterrupt == 0, err
	}
	event, err := s.mem.LoadUint16(s.usedEvent())
	// Section 2.7.7.2: wanted when the used index has passed the event. Once
	// around the index and more, nobody can tell.
	return moved > math.MaxUint16 || s.used-event-1 < uint16(moved), err
}

func (s *split) position() Position { return Position{Next: s.avail, Used: s.used} }

func (s *split) restore(p Position) error {
	if n := p.Next - p.Used; n > s.Size {
		return fmt.Errorf("queue position: %d requests under way in a ring of %d", n, s.Size)
	}
	s.avail, s.used = p.Next, p.Used
	return nil
}
