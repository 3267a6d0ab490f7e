package memfile

import (
	"errors"
	"fmt"
	"iter"

	"github.com/hullvm/hull/mem"
)

// Source is memory that does not change meanwhile; *mem.Guest is one.
type Source interface {
	// Slots are the pieces of the memory, in order of address.
	Slots() []mem.Slot
	// ReadAt fills p from the memory at a.
	ReadAt(p []byte, a mem.Addr) error
	// Replaced has a bit for each page of a slot that began as a part of a file and
	// does no longer; nil for none.
	Replaced(slot int) []uint64
}

// piece is a slot's place in the file.
type piece struct {
	mem.Slot
	off      int64
	replaced []uint64
}

// layout is where each slot is in the file. Their sizes are whole pages.
type layout struct {
	pieces []piece
	size   int64
}

func layoutOf(src Source) (*layout, error) {
	var l layout
	for i, s := range src.Slots() {
		if s.Size == 0 || s.Size%PageSize != 0 || s.Size > mem.MaxSize {
			return nil, fmt.Errorf("slot %d of %d bytes: want pages", i, s.Size)
		}
		p := piece{Slot: s, off: l.size, replaced: src.Replaced(s.ID)}
		if p.replaced != nil && len(p.replaced) < mem.DirtyWords(s.Size) {
			return nil, fmt.Errorf("slot %d: a bitmap of %d words is too short", i, len(p.replaced))
		}
		l.pieces = append(l.pieces, p)
		l.size += int64(s.Size)
		if err := checkSize(l.size); err != nil {
			return nil, err
		}
	}
	if len(l.pieces) == 0 {
		return nil, errors.New("there is no memory")
	}
	return &l, nil
}

// in gives the parts of an extent of the file that are of one piece each, in order.
func (l *layout) in(e Extent) iter.Seq2[*piece, Extent] {
	return func(yield func(*piece, Extent) bool) {
		for i := range l.pieces {
			p := &l.pieces[i]
			from, to := max(e.Offset, p.off), min(e.end(), p.off+int64(p.Size))
			if from < to && !yield(p, Extent{Offset: from, Size: to - from}) {
				return
			}
		}
	}
}

// at is the guest's address of an offset of the file that is in the piece.
func (p *piece) at(off int64) mem.Addr { return p.Base + mem.Addr(off-p.off) }

// wasReplaced reports whether the page at an offset of the file is no longer that
// of the file which the piece began as.
func (p *piece) wasReplaced(off int64) bool {
	page := (off - p.off) / PageSize
	return p.replaced != nil && p.replaced[page/64]>>(page%64)&1 != 0
}
