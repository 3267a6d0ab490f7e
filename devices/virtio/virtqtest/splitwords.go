package virtqtest

import "github.com/hullvm/hull/mem"

// The words of the available ring (section 2.7.6).

func (s *Split) availEntry(i uint16) mem.Addr { return s.Driver + 4 + 2*mem.Addr(i%s.Size) }

// PutAvailFlags writes the available ring's flags.
func (s *Split) PutAvailFlags(v uint16) { must(s.mem.StoreUint16(s.Driver, v)) }

// Avail is the available index.
func (s *Split) Avail() uint16 { return value(s.mem.LoadUint16(s.Driver + 2)) }

// PutAvail writes the available index.
func (s *Split) PutAvail(v uint16) { must(s.mem.StoreUint16(s.Driver+2, v)) }

// PutAvailEntry writes entry i, counted modulo the ring's size.
func (s *Split) PutAvailEntry(i, head uint16) { must(s.mem.StoreUint16(s.availEntry(i), head)) }

// PutUsedEvent writes used_event: the driver wants an interrupt when the used
// index passes it.
func (s *Split) PutUsedEvent(v uint16) {
	must(s.mem.StoreUint16(s.Driver+4+2*mem.Addr(s.Size), v))
}

// The words of the used ring (section 2.7.8).

// UsedFlags are the used ring's flags.
func (s *Split) UsedFlags() uint16 { return value(s.mem.LoadUint16(s.Device)) }

// UsedIndex is the used index.
func (s *Split) UsedIndex() uint16 { return value(s.mem.LoadUint16(s.Device + 2)) }

// UsedEntry is entry i, counted modulo the ring's size.
func (s *Split) UsedEntry(i uint16) (id, written uint32) {
	at := s.Device + 4 + 8*mem.Addr(i%s.Size)
	return value(s.mem.Uint32(at)), value(s.mem.Uint32(at + 4))
}

func (s *Split) availEvent() mem.Addr { return s.Device + 4 + 8*mem.Addr(s.Size) }

// AvailEvent is avail_event: the device wants to be notified when the available
// index passes it.
func (s *Split) AvailEvent() uint16 {
	return value(s.mem.LoadUint16(s.availEvent()))
}
