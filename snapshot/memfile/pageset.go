package memfile

import (
	"fmt"
	"io"
	"iter"
	"math/bits"

	"github.com/hullvm/hull/mem"
)

var mapKind = kind{name: "memory map", magic: "HULLPAGE", unit: PageSize, entry: 8, check: exactly(64 * PageSize)}

// PageSet is a set of pages of a memory file. It is for one goroutine at a time
// while it changes.
type PageSet struct {
	size int64
	bits []uint64
}

// NewPageSet is the empty set of pages of a memory file of size bytes.
func NewPageSet(size int64) (*PageSet, error) {
	if err := checkSize(size); err != nil {
		return nil, err
	}
	return &PageSet{size: size, bits: make([]uint64, (size/PageSize+63)/64)}, nil
}

// Size is the memory file's, in bytes.
func (s *PageSet) Size() int64 { return s.size }

// Has reports whether the page at an offset of the file is in the set.
func (s *PageSet) Has(off int64) bool {
	if off < 0 || off >= s.size {
		return false
	}
	page := off / PageSize
	return s.bits[page/64]>>(page%64)&1 != 0
}

// Add puts the pages of an extent in.
func (s *PageSet) Add(e Extent) error {
	if e.Offset < 0 || e.Size < 0 || e.Offset%PageSize != 0 || e.Size%PageSize != 0 || e.Offset > s.size-e.Size {
		return fmt.Errorf("pages: %d bytes at %d: not pages of a memory of %d", e.Size, e.Offset, s.size)
	}
	for page := e.Offset / PageSize; page < e.end()/PageSize; {
		if page%64 == 0 && e.end()/PageSize-page >= 64 {
			s.bits[page/64] = ^uint64(0)
			page += 64
			continue
		}
		s.bits[page/64] |= 1 << (page % 64)
		page++
	}
	return nil
}

// AddAll puts the pages of another set of the same size in.
func (s *PageSet) AddAll(o *PageSet) error {
	if o.size != s.size {
		return fmt.Errorf("pages: a set of %d bytes, and one of %d", s.size, o.size)
	}
	for i, word := range o.bits {
		s.bits[i] |= word
	}
	return nil
}

// RemoveAll takes the pages of another set of the same size out.
func (s *PageSet) RemoveAll(o *PageSet) error {
	if o.size != s.size {
		return fmt.Errorf("pages: a set of %d bytes, and one of %d", s.size, o.size)
	}
	for i, word := range o.bits {
		s.bits[i] &^= word
	}
	return nil
}

// AddSlot puts the pages of a slot in that a bitmap has, as KVM's dirty log and
// mem.Guest.FetchDirtyLog give it: bit p%64 of word p/64 stands for page p.
func (s *PageSet) AddSlot(slots []mem.Slot, id int, bitmap []uint64) error {
	if id < 0 || id >= len(slots) {
		return fmt.Errorf("pages: slot %d: there are %d", id, len(slots))
	}
	var off int64
	for _, slot := range slots[:id] {
		off += int64(slot.Size)
	}
	size := int64(slots[id].Size)
	for w, word := range bitmap {
		for word != 0 {
			first := bits.TrailingZeros64(word)
			n := bits.TrailingZeros64(^(word >> first))
			at := (int64(w)*64 + int64(first)) * PageSize
			if at+int64(n)*PageSize > size {
				return fmt.Errorf("pages: slot %d: page %d: it has %d", id, at/PageSize, size/PageSize)
			}
			if err := s.Add(Extent{Offset: off + at, Size: int64(n) * PageSize}); err != nil {
				return err
			}
			if first+n == 64 {
				break
			}
			word &= ^uint64(0) << (first + n)
		}
	}
	return nil
}

// Bytes is how much of the memory is in the set.
func (s *PageSet) Bytes() int64 {
	var n int
	for _, word := range s.bits {
		n += bits.OnesCount64(word)
	}
	return int64(n) * PageSize
}

// Extents are the pages of the set, joined where they touch, in order.
func (s *PageSet) Extents() iter.Seq[Extent] {
	return func(yield func(Extent) bool) {
		for off := s.next(0, true); off < s.size; {
			end := s.next(off, false)
			if !yield(Extent{Offset: off, Size: end - off}) {
				return
			}
			off = s.next(end, true)
		}
	}
}

// Within are the parts of an extent whose pages are in the set, joined where they
// touch, in order.
func (s *PageSet) Within(e Extent) iter.Seq[Extent] {
	return func(yield func(Extent) bool) {
		end := min(e.end(), s.size)
		for off := s.nextBefore(max(e.Offset, 0), end, true); off < end; {
			to := s.nextBefore(off, end, false)
			if !yield(Extent{Offset: off, Size: to - off}) {
				return
			}
			off = s.nextBefore(to, end, true)
		}
	}
}

// next is the offset of the first page from off on that is in the set, or is not;
// the memory's size where there is none.
func (s *PageSet) next(off int64, in bool) int64 { return s.nextBefore(off, s.size, in) }

// nextBefore is next up to end, which is what it gives where there is none.
func (s *PageSet) nextBefore(off, end int64, in bool) int64 {
	page := off / PageSize
	for w := page / 64; w*64*PageSize < end; w++ {
		word := s.bits[w]
		if !in {
			word = ^word
		}
		if w == page/64 {
			word &= ^uint64(0) << (page % 64)
		}
		if word != 0 {
			return min((w*64+int64(bits.TrailingZeros64(word)))*PageSize, end)
		}
	}
	return end
}

// Encode writes the file of the set.
func (s *PageSet) Encode(w io.Writer) error {
	_, err := w.Write(mapKind.encode(s.size, len(s.bits), func(b []byte) []byte {
		for _, word := range s.bits {
			b = le.AppendUint64(b, word)
		}
		return b
	}))
	return err
}

// ReadPageSet reads the set of a memory file of size bytes, up to r's end. Whatever
// is wrong with it is ErrCorrupt, but for errors of r's own.
func ReadPageSet(r io.Reader, size int64) (*PageSet, error) {
	b, err := mapKind.decode(r, size)
	if err != nil {
		return nil, err
	}
	s, err := NewPageSet(size)
	if err != nil {
		return nil, err
	}
	for i := range s.bits {
		s.bits[i] = le.Uint64(b[8*i:])
	}
	if last := size / PageSize % 64; last != 0 && s.bits[len(s.bits)-1]>>last != 0 {
		return nil, fmt.Errorf("%s: read: %w", mapKind.name, corrupt("it has pages after the memory's end"))
	}
	return s, nil
}
