package virtq

// wrapBit is the wrap counter in a ring position (section 2.8.14).
const wrapBit = 1 << 15

// slot is a place in a packed ring: an offset, and the wrap counter, which
// begins at 1 and turns with each lap.
type slot struct {
	off  uint16
	wrap bool
}

// forward is where n slots after s lie in a ring of size, n at most size.
func (s slot) forward(n, size uint16) slot {
	off := uint32(s.off) + uint32(n)
	if off >= uint32(size) {
		return slot{off: uint16(off - uint32(size)), wrap: !s.wrap}
	}
	return slot{off: uint16(off), wrap: s.wrap}
}

// back is where n slots before s lie.
func (s slot) back(n, size uint16) slot {
	if n > s.off {
		return slot{off: uint16(uint32(s.off) + uint32(size) - uint32(n)), wrap: !s.wrap}
	}
	return slot{off: s.off - n, wrap: s.wrap}
}

// word is s as the event areas and Position have it.
func (s slot) word() uint16 {
	if s.wrap {
		return s.off | wrapBit
	}
	return s.off
}

func slotOf(word uint16) slot { return slot{off: word &^ wrapBit, wrap: word&wrapBit != 0} }
