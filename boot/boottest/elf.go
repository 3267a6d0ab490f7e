package boottest

import "encoding/binary"

// ELF describes an ELF kernel.
type ELF struct {
	Class    byte // 2 is 64-bit
	Machine  uint16
	Type     uint16
	Entry    uint64
	Segments []Segment
}

// Segment is a segment of an ELF file with its program header.
type Segment struct {
	Type    uint32 // 1 is loaded, 4 is notes
	Flags   uint32 // 1 is code
	Virtual uint64
	Addr    uint64
	Data    []byte
	MemSize uint64 // 0 for the length of Data
	Align   uint64
}

// NewVMLinux describes a kernel laid out as Linux is: code and data at 16 MiB
// and mapped high, a physical entry, and a note of the PVH entry.
func NewVMLinux(code, data []byte) ELF {
	const high = 0xffffffff80000000
	return ELF{
		Class: 2, Machine: 62, Type: 2, Entry: 16 << 20,
		Segments: []Segment{
			{Type: 1, Flags: 5, Virtual: high + 16<<20, Addr: 16 << 20, Data: code},
			{Type: 1, Flags: 6, Virtual: high + 18<<20, Addr: 18 << 20, Data: data, MemSize: 1 << 20},
			{Type: 4, Data: append(
				Note("Xen", 6, []byte("linux\x00")),
				Note("Xen", 18, binary.LittleEndian.AppendUint64(nil, 16<<20+0x10))...,
			)},
		},
	}
}

// Note encodes one note.
func Note(owner string, kind uint32, desc []byte) []byte {
	le := binary.LittleEndian
	out := le.AppendUint32(nil, uint32(len(owner)+1))
	out = le.AppendUint32(out, uint32(len(desc)))
	out = le.AppendUint32(out, kind)
	out = append(append(out, owner...), 0)
	for len(out)%4 != 0 {
		out = append(out, 0)
	}
	out = append(out, desc...)
	for len(out)%4 != 0 {
		out = append(out, 0)
	}
	return out
}

// Bytes is the file: header, program headers, and the segments in order.
func (e ELF) Bytes() []byte {
	const headerSize, programSize = 64, 56
	le := binary.LittleEndian
	out := make([]byte, headerSize+programSize*len(e.Segments))
	copy(out, "\x7fELF")
	out[4], out[5], out[6] = e.Class, 1, 1
	le.PutUint16(out[16:], e.Type)
	le.PutUint16(out[18:], e.Machine)
	le.PutUint32(out[20:], 1)
	le.PutUint64(out[24:], e.Entry)
	le.PutUint64(out[32:], headerSize)
	le.PutUint16(out[52:], headerSize)
	le.PutUint16(out[54:], programSize)
	le.PutUint16(out[56:], uint16(len(e.Segments)))
	for i, s := range e.Segments {
		p := out[headerSize+programSize*i:]
		le.PutUint32(p, s.Type)
		le.PutUint32(p[4:], s.Flags)
		le.PutUint64(p[8:], uint64(len(out)))
		le.PutUint64(p[16:], s.Virtual)
		le.PutUint64(p[24:], s.Addr)
		le.PutUint64(p[32:], uint64(len(s.Data)))
		le.PutUint64(p[40:], max(s.MemSize, uint64(len(s.Data))))
		le.PutUint64(p[48:], s.Align)
		out = append(out, s.Data...)
	}
	return out
}
