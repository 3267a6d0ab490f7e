package memfile

import (
	"fmt"
	"io"
)

// MaxExtents is the most a working set may have.
const MaxExtents = 1 << 20

var workingKind = kind{name: "working set", magic: "HULLWORK", unit: PageSize, entry: 16, check: func(_ int64, n uint64) error {
	if n > MaxExtents {
		return corrupt("it has %d extents: the most is %d", n, MaxExtents)
	}
	return nil
}}

// WorkingSet is what a restored machine used first, in that order: what is worth
// reading before it is asked for. It is a hint, and never more than the memory.
type WorkingSet struct {
	Size    int64 // of the memory file, bytes
	Extents []Extent
}

// check holds all of a working set against the memory, which also bounds the work
// that a prefetch by it makes.
func (s *WorkingSet) check() error {
	if err := checkSize(s.Size); err != nil {
		return err
	}
	if len(s.Extents) > MaxExtents {
		return fmt.Errorf("%d extents: the most is %d", len(s.Extents), MaxExtents)
	}
	left := s.Size
	for i, e := range s.Extents {
		switch {
		case e.Size <= 0 || e.Size%PageSize != 0 || e.Offset < 0 || e.Offset%PageSize != 0 || e.Offset > s.Size-e.Size:
			return fmt.Errorf("extent %d: %d bytes at %d: not pages of a memory of %d", i, e.Size, e.Offset, s.Size)
		case e.Size > left:
			return fmt.Errorf("extent %d: together they are more than the memory, %d bytes", i, s.Size)
		}
		left -= e.Size
	}
	return nil
}

// Encode writes the file of a working set, which has to be one: pages of the
// memory, and together no more of them than it has.
func (s *WorkingSet) Encode(w io.Writer) error {
	if err := s.check(); err != nil {
		return fmt.Errorf("working set: write: %w", err)
	}
	_, err := w.Write(workingKind.encode(s.Size, len(s.Extents), func(b []byte) []byte {
		for _, e := range s.Extents {
			b = le.AppendUint64(b, uint64(e.Offset/PageSize))
			b = le.AppendUint64(b, uint64(e.Size/PageSize))
		}
		return b
	}))
	return err
}

// ReadWorkingSet reads the working set of a memory file of size bytes, up to r's
// end. Whatever is wrong with it is ErrCorrupt, but for errors of r's own.
func ReadWorkingSet(r io.Reader, size int64) (*WorkingSet, error) {
	b, err := workingKind.decode(r, size)
	if err != nil {
		return nil, err
	}
	s := &WorkingSet{Size: size, Extents: make([]Extent, 0, len(b)/workingKind.entry)}
	for ; len(b) > 0; b = b[workingKind.entry:] {
		first, pages := le.Uint64(b), le.Uint64(b[8:])
		if all := uint64(size / PageSize); first > all || pages > all { // so that bytes fit an int64
			return nil, fmt.Errorf("%s: read: %w", workingKind.name, corrupt("extent of %d pages at page %d: the memory has %d", pages, first, all))
		}
		s.Extents = append(s.Extents, Extent{Offset: int64(first) * PageSize, Size: int64(pages) * PageSize})
	}
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("%s: read: %w: %w", workingKind.name, err, ErrCorrupt)
	}
	return s, nil
}
