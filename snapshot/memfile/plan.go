package memfile

import (
	"fmt"
	"os"
)

// origin is where the content of a page is to be had.
type origin uint8

const (
	zeroes origin = iota // nowhere: it is zero, or not asked for
	guest                // in the guest's memory
	base                 // in the file that the memory began as
)

// plan is the origin of each page of an extent of the file.
type plan struct {
	Extent
	pages   []origin
	entries []byte // room for a pagemap's
}

func newPlan() *plan {
	return &plan{pages: make([]origin, unitSize/PageSize), entries: make([]byte, unitSize/PageSize*pagemapEntry)}
}

func (p *plan) set(e Extent, o origin) {
	for i := (e.Offset - p.Offset) / PageSize; i < (e.end()-p.Offset)/PageSize; i++ {
		p.pages[i] = o
	}
}

func (p *plan) at(off int64) origin { return p.pages[(off-p.Offset)/PageSize] }

// make finds the origins of an extent of up to unitSize bytes. wanted is nil for
// all pages.
func (p *plan) make(e Extent, l *layout, wanted *PageSet, o *Options) error {
	p.Extent = e
	p.set(e, zeroes)
	if wanted != nil && wanted.nextBefore(e.Offset, e.end(), true) == e.end() {
		return nil
	}
	for piece, part := range l.in(e) {
		if err := p.piece(piece, part, o); err != nil {
			return fmt.Errorf("what the guest has used of %#x: %w", uint64(piece.at(part.Offset)), err)
		}
	}
	if err := p.skipHoles(o.Base); err != nil {
		return fmt.Errorf("memory file that the guest began as: %w", err)
	}
	if wanted != nil {
		for off := e.Offset; off < e.end(); off += PageSize {
			if !wanted.Has(off) {
				p.set(Extent{off, PageSize}, zeroes)
			}
		}
	}
	return nil
}

func (p *plan) piece(s *piece, part Extent, o *Options) error {
	switch {
	case s.FD >= 0:
		shift := s.Offset - s.off // from the file to the memfd
		return dataIn(s.FD, Extent{part.Offset + shift, part.Size}, func(d Extent) {
			p.set(Extent{d.Offset - shift, d.Size}, guest)
		})
	case o.Pagemap == nil || s.Image && o.Base == nil:
		p.set(part, guest)
		return nil
	}
	entries, err := s.entries(o.Pagemap, part, p.entries)
	if err != nil {
		return err
	}
	for off := part.Offset; off < part.end(); off, entries = off+PageSize, entries[pagemapEntry:] {
		page := Extent{off, PageSize}
		switch {
		case isPrivate(le.Uint64(entries), s.Image):
			p.set(page, guest)
		case s.Image && !s.wasReplaced(off):
			p.set(page, base)
		}
	}
	return nil
}

// skipHoles finds which pages of the file that the memory began as are zero.
func (p *plan) skipHoles(f *os.File) error {
	if f == nil {
		return nil
	}
	off := p.Offset
	hole := func(to int64) {
		for ; off < to; off += PageSize {
			if p.at(off) == base {
				p.set(Extent{off, PageSize}, zeroes)
			}
		}
	}
	if err := dataIn(int(f.Fd()), p.Extent, func(d Extent) {
		hole(d.Offset)
		off = d.end()
	}); err != nil {
		return err
	}
	hole(p.end())
	return nil
}
