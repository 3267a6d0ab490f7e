package virtqtest

import (
	"encoding/binary"
	"math/rand/v2"

	"github.com/hullvm/hull/devices/virtio/virtq"
	"github.com/hullvm/hull/mem"
)

// Flags of descriptors (virtio 1.2, sections 2.7.5 and 2.8.1).
const (
	FlagNext     = 1 << 0
	FlagWrite    = 1 << 1
	FlagIndirect = 1 << 2
	FlagAvail    = 1 << 7  // of a packed ring
	FlagUsed     = 1 << 15 // of a packed ring
)

// Flags of a split ring's areas: the device, or the driver, is not to be told.
const (
	FlagNoInterrupt = 1 << 0 // of the available ring
	FlagNoNotify    = 1 << 0 // of the used ring
)

const descriptorSize = 16

// SplitDescriptor is struct virtq_desc (section 2.7.5).
type SplitDescriptor struct {
	Addr  mem.Addr
	Len   uint32
	Flags uint16
	Next  uint16
}

// Split is the driver's side of a split ring, down to its words.
type Split struct {
	virtq.Layout

	mem        *Memory
	rand       *rand.Rand
	eventIndex bool
	inOrder    bool

	free   []uint16 // descriptors, the next to take last
	chains map[uint16][]uint16
	staged uint16 // the available index that publish will show
	shown  uint16 // the available index
	told   uint16 // the available index when the device was last asked
	used   uint16 // the next used entry to take
}

// Split gives access to the words of a split ring, for tests of what a driver
// must not do.
func (d *Driver) Split() *Split { return d.ring.(*Split) }

func newSplit(o Options) *Split {
	n := uint64(o.Size)
	s := &Split{
		Layout: virtq.Layout{
			Size:   o.Size,
			Desc:   o.Memory.Alloc(n * descriptorSize),
			Driver: o.Memory.Alloc(6 + 2*n),
			Device: o.Memory.Alloc(6 + 8*n),
		},
		mem:        o.Memory,
		rand:       o.Rand,
		eventIndex: o.EventIndex,
		inOrder:    o.InOrder,
		chains:     make(map[uint16][]uint16),
	}
	must(s.mem.Zero(s.Desc, n*descriptorSize))
	must(s.mem.Zero(s.Driver, 6+2*n))
	must(s.mem.Zero(s.Device, 6+8*n))
	if start := uint16(o.Start); start > 0 {
		s.staged, s.told, s.used = start, start, start
		s.publish()
		must(s.mem.StoreUint16(s.Device+2, start))
		s.interrupts(true)
		must(s.mem.StoreUint16(s.availEvent(), start))
	}
	for i := range o.Size {
		s.free = append(s.free, o.Size-1-i)
	}
	return s
}

func (s *Split) room() int { return len(s.free) }

// takeFree gives a free descriptor: any of them, or with InOrder the one that
// follows the last (section 2.7).
func (s *Split) takeFree() uint16 {
	last := len(s.free) - 1
	if s.rand != nil && !s.inOrder {
		i := s.rand.IntN(last + 1)
		s.free[i], s.free[last] = s.free[last], s.free[i]
	}
	index := s.free[last]
	s.free = s.free[:last]
	return index
}

func (s *Split) stage(chain []Buffer, table mem.Addr, tableLen uint32) uint16 {
	n := len(chain)
	if tableLen > 0 {
		n++
	}
	indices := make([]uint16, n)
	for i := range indices {
		indices[i] = s.takeFree()
	}
	for i, index := range indices {
		d := SplitDescriptor{Addr: table, Len: tableLen, Flags: FlagIndirect}
		if i < len(chain) {
			d = splitOf(chain[i])
		}
		if i+1 < n {
			d.Flags |= FlagNext
			d.Next = indices[i+1]
		} else if s.rand != nil {
			d.Next = uint16(s.rand.Uint32()) // to be ignored
		}
		s.PutDescriptor(index, d)
	}
	head := indices[0]
	s.chains[head] = indices
	s.PutAvailEntry(s.staged, head)
	s.staged++
	return head
}

func splitOf(b Buffer) SplitDescriptor {
	d := SplitDescriptor{Addr: b.Addr, Len: b.Len}
	if b.Write {
		d.Flags = FlagWrite
	}
	return d
}

func (s *Split) encodeTable(at mem.Addr, buffers []Buffer) {
	places := make([]int, len(buffers)) // where in the table each goes
	for i := range places {
		places[i] = i
	}
	if s.rand != nil {
		rest := places[1:] // the chain begins with the table's first
		s.rand.Shuffle(len(rest), func(i, j int) { rest[i], rest[j] = rest[j], rest[i] })
	}
	for i, b := range buffers {
		d := splitOf(b)
		if i+1 < len(buffers) {
			d.Flags |= FlagNext
			d.Next = uint16(places[i+1])
		}
		PutSplitDescriptor(s.mem, at+mem.Addr(places[i])*descriptorSize, d)
	}
}

func (s *Split) publish() {
	s.shown = s.staged
	s.PutAvail(s.shown)
}

func (s *Split) take() (id uint16, written uint32, ok bool) {
	if s.UsedIndex() == s.used {
		return 0, 0, false
	}
	head, written := s.UsedEntry(s.used)
	s.used++
	chain, ok := s.chains[uint16(head)]
	if !ok || head > 0xffff {
		panic("virtqtest: the device used a chain that it was not given")
	}
	delete(s.chains, uint16(head))
	if s.inOrder {
		s.free = append(reversed(chain), s.free...)
	} else {
		s.free = append(s.free, chain...)
	}
	return uint16(head), written, true
}

func reversed(p []uint16) []uint16 {
	r := make([]uint16, len(p))
	for i, v := range p {
		r[len(p)-1-i] = v
	}
	return r
}

func (s *Split) kickWanted() bool {
	now, old := s.shown, s.told
	if now == old {
		return false
	}
	s.told = now
	if s.eventIndex {
		return now-s.AvailEvent()-1 < now-old // section 2.7.10
	}
	return s.UsedFlags()&FlagNoNotify == 0
}

func (s *Split) interrupts(on bool) {
	switch {
	case !s.eventIndex && on:
		s.PutAvailFlags(0)
	case !s.eventIndex:
		s.PutAvailFlags(FlagNoInterrupt)
	case on:
		s.PutUsedEvent(s.used)
	default:
		s.PutUsedEvent(s.used - 1) // far away
	}
}

// Descriptor is what descriptor index holds.
func (s *Split) Descriptor(index uint16) SplitDescriptor {
	var p [descriptorSize]byte
	must(s.mem.ReadAt(p[:], s.Desc+mem.Addr(index)*descriptorSize))
	return SplitDescriptor{
		Addr:  mem.Addr(binary.LittleEndian.Uint64(p[0:])),
		Len:   binary.LittleEndian.Uint32(p[8:]),
		Flags: binary.LittleEndian.Uint16(p[12:]),
		Next:  binary.LittleEndian.Uint16(p[14:]),
	}
}

// PutDescriptor writes descriptor index.
func (s *Split) PutDescriptor(index uint16, d SplitDescriptor) {
	PutSplitDescriptor(s.mem, s.Desc+mem.Addr(index)*descriptorSize, d)
}

// PutSplitDescriptor writes a descriptor anywhere, such as in an indirect table.
func PutSplitDescriptor(m *Memory, at mem.Addr, d SplitDescriptor) {
	var p [descriptorSize]byte
	binary.LittleEndian.PutUint64(p[0:], uint64(d.Addr))
	binary.LittleEndian.PutUint32(p[8:], d.Len)
	binary.LittleEndian.PutUint16(p[12:], d.Flags)
	binary.LittleEndian.PutUint16(p[14:], d.Next)
	must(m.WriteAt(p[:], at))
}
