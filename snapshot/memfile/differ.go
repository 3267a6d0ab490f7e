package memfile

import (
	"errors"
	"fmt"
	"os"
)

// ErrNoImage says that memory is not mapped from the file that it began as.
var ErrNoImage = errors.New("it is not mapped from a file: shared memory and reserved pages are not")

// Differing are the pages of memory that may differ from the files that it began as
// (mem.Options.Image): those that this process has for itself, and those that were
// given back. The error is ErrNoImage for memory that began as none. Memory that
// changes meanwhile needs a log that was started before.
func Differing(src Source, pagemap *os.File) (*PageSet, error) {
	pages, err := differing(src, pagemap)
	if err != nil {
		return nil, fmt.Errorf("memory: look for pages that differ: %w", err)
	}
	return pages, nil
}

func differing(src Source, pagemap *os.File) (*PageSet, error) {
	l, err := layoutOf(src)
	if err != nil {
		return nil, err
	}
	if pagemap == nil {
		return nil, errors.New("this process has no pagemap")
	}
	pages, err := NewPageSet(l.size)
	if err != nil {
		return nil, err
	}
	room := make([]byte, unitSize/PageSize*pagemapEntry)
	for off := int64(0); off < l.size; off += unitSize {
		for piece, part := range l.in(Extent{Offset: off, Size: min(unitSize, l.size-off)}) {
			if !piece.Image {
				return nil, ErrNoImage
			}
			entries, err := piece.entries(pagemap, part, room)
			if err != nil {
				return nil, err
			}
			for at := part.Offset; at < part.end(); at, entries = at+PageSize, entries[pagemapEntry:] {
				if !isPrivate(le.Uint64(entries), true) && !piece.wasReplaced(at) {
					continue
				}
				if err := pages.Add(Extent{Offset: at, Size: PageSize}); err != nil {
					return nil, err
				}
			}
		}
	}
	return pages, nil
}
