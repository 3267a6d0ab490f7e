package virtqtest

import (
	"encoding/binary"

	"github.com/hullvm/hull/mem"
)

func (p *Packed) at(index uint16) mem.Addr { return p.Desc + mem.Addr(index)*descriptorSize }

// Descriptor is what the descriptor at offset index holds.
func (p *Packed) Descriptor(index uint16) PackedDescriptor {
	var b [descriptorSize]byte
	must(p.mem.ReadAt(b[:], p.at(index)))
	return PackedDescriptor{
		Addr:  mem.Addr(binary.LittleEndian.Uint64(b[0:])),
		Len:   binary.LittleEndian.Uint32(b[8:]),
		ID:    binary.LittleEndian.Uint16(b[12:]),
		Flags: binary.LittleEndian.Uint16(b[14:]),
	}
}

// Flags are those of the descriptor at offset index.
func (p *Packed) Flags(index uint16) uint16 { return value(p.mem.LoadUint16(p.at(index) + 14)) }

// PutFlags writes the flags of the descriptor at offset index, after all that
// was written before.
func (p *Packed) PutFlags(index, flags uint16) { must(p.mem.StoreUint16(p.at(index)+14, flags)) }

// PutDescriptor writes the descriptor at offset index.
func (p *Packed) PutDescriptor(index uint16, d PackedDescriptor) {
	PutPackedDescriptor(p.mem, p.at(index), d)
}

// PutPackedDescriptor writes a descriptor anywhere, such as in an indirect table.
// Its flags come last.
func PutPackedDescriptor(m *Memory, at mem.Addr, d PackedDescriptor) {
	var b [descriptorSize - 2]byte
	binary.LittleEndian.PutUint64(b[0:], uint64(d.Addr))
	binary.LittleEndian.PutUint32(b[8:], d.Len)
	binary.LittleEndian.PutUint16(b[12:], d.ID)
	must(m.WriteAt(b[:], at))
	must(m.StoreUint16(at+14, d.Flags))
}

// DriverEvent is the driver event suppression area.
func (p *Packed) DriverEvent() Event { return eventOf(value(p.mem.LoadUint32(p.Driver))) }

// PutDriverEvent writes the driver event suppression area.
func (p *Packed) PutDriverEvent(e Event) {
	must(p.mem.StoreUint32(p.Driver, uint32(e.Off)|uint32(e.Flags)<<16))
}

// DeviceEvent is the device event suppression area.
func (p *Packed) DeviceEvent() Event { return eventOf(value(p.mem.LoadUint32(p.Device))) }

func eventOf(v uint32) Event { return Event{Off: uint16(v), Flags: uint16(v >> 16)} }
