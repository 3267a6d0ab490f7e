package virtq

import "github.com/hullvm/hull/mem"

// Chain is one request of the driver: the memory it may be read from, then the
// memory an answer may be written to. It is filled by [Queue.Next] and can be
// used again after [Queue.Done].
type Chain struct {
	// In order; lengths are not 0. Addresses are the driver's: they may be
	// anywhere, also where there is no RAM, but a range does not go beyond the
	// last address.
	Readable []mem.Range
	Writable []mem.Range

	// Where it came from, for Done: the head's index in a split ring, the
	// buffer id in a packed one; the number of slots that the ring spends on
	// it; and its number among those taken, for inOrder.
	id     uint16
	slots  uint16
	number uint64
}

// ReadableLen is how many bytes the driver offers to be read.
func (c *Chain) ReadableLen() uint64 { return total(c.Readable) }

// WritableLen is how many bytes the driver has room for.
func (c *Chain) WritableLen() uint64 { return total(c.Writable) }

func total(ranges []mem.Range) (n uint64) {
	for _, r := range ranges {
		n += uint64(r.Len)
	}
	return n
}

// Slice returns the part of ranges that begins after skip bytes and has at most
// n, in dst, whose content is dropped.
func Slice(dst, ranges []mem.Range, skip, n uint64) []mem.Range {
	dst = dst[:0]
	for _, r := range ranges {
		length := uint64(r.Len)
		if skip >= length {
			skip -= length
			continue
		}
		length = min(length-skip, n)
		if length == 0 {
			break
		}
		dst = append(dst, mem.Range{Addr: r.Addr + mem.Addr(skip), Len: uint32(length)})
		skip = 0
		n -= length
	}
	return dst
}

// CopyFrom copies into p what ranges hold after skip bytes, and returns how many
// bytes there were. A range that is not all RAM is an error.
func CopyFrom(m *mem.Guest, p []byte, ranges []mem.Range, skip uint64) (n int, err error) {
	for _, r := range ranges {
		length := uint64(r.Len)
		if skip >= length {
			skip -= length
			continue
		}
		part := p[n:min(uint64(len(p)), uint64(n)+length-skip)]
		if err := m.ReadAt(part, r.Addr+mem.Addr(skip)); err != nil {
			return n, err
		}
		skip = 0
		if n += len(part); n == len(p) {
			break
		}
	}
	return n, nil
}

// CopyTo copies p into ranges after skip bytes, and returns how many bytes had
// room. A range that is not all RAM is an error.
func CopyTo(m *mem.Guest, p []byte, ranges []mem.Range, skip uint64) (n int, err error) {
	for _, r := range ranges {
		length := uint64(r.Len)
		if skip >= length {
			skip -= length
			continue
		}
		part := p[n:min(uint64(len(p)), uint64(n)+length-skip)]
		if err := m.WriteAt(part, r.Addr+mem.Addr(skip)); err != nil {
			return n, err
		}
		skip = 0
		if n += len(part); n == len(p) {
			break
		}
	}
	return n, nil
}
