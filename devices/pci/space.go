package pci

import "encoding/binary"

// space is a function's configuration space: bytes, and which of their bits a
// guest may change. It has no lock and calls nobody.
type space struct {
	value    [legacySize]byte
	writable [legacySize]byte // bits that take what is written
	toClear  [legacySize]byte // bits that are cleared by writing 1
}

// newSpace returns the space of a function without BARs and capabilities.
func newSpace(id Identity) space {
	var s space
	s.put16(regVendorID, id.Vendor)
	s.put16(regDeviceID, id.Device)
	s.value[regRevisionID] = id.Revision
	s.value[regClassCode] = byte(id.Class)
	s.put16(regClassCode+1, uint16(id.Class>>8))
	s.put16(regSubsystemVendorID, id.SubsystemVendor)
	s.put16(regSubsystemID, id.Subsystem)

	binary.LittleEndian.PutUint16(s.writable[regCommand:], cmdWritable)
	binary.LittleEndian.PutUint16(s.toClear[regStatus:], statusErrors)
	s.writable[regCacheLineSize] = 0xff
	s.writable[regInterruptLine] = 0xff
	return s
}

// read fills p from off, which is within the function's 4 KiB. The extended
// space reads as 0: a first capability of ID 0 says that there are none.
func (s *space) read(off int, p []byte) {
	clear(p)
	if off < legacySize {
		copy(p, s.value[off:])
	}
}

// write takes the bits of p that may be written.
func (s *space) write(off int, p []byte) {
	for i, v := range p {
		at := off + i
		if at >= legacySize {
			return
		}
		s.value[at] = s.value[at]&^s.writable[at] | v&s.writable[at]
		s.value[at] &^= v & s.toClear[at]
	}
}

func (s *space) get16(off int) uint16 { return binary.LittleEndian.Uint16(s.value[off:]) }

func (s *space) get32(off int) uint32 { return binary.LittleEndian.Uint32(s.value[off:]) }

func (s *space) put16(off int, v uint16) { binary.LittleEndian.PutUint16(s.value[off:], v) }

func (s *space) put32(off int, v uint32) { binary.LittleEndian.PutUint32(s.value[off:], v) }

// set changes the bits of mask in a register of 16 bits.
func (s *space) set(off int, mask uint16, on bool) {
	v := s.get16(off) &^ mask
	if on {
		v |= mask
	}
	s.put16(off, v)
}
