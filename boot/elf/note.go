package elf

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// noteHeader is the lengths of owner and content and the type, 4 bytes each.
const noteHeader = 12

// noteRange is where notes are in the file.
type noteRange struct {
	off, size, align uint64
}

// Note is a note in an ELF file: owners number their own types.
type Note struct {
	Owner string
	Type  uint32
	Desc  []byte
}

// Notes reads the notes of the file, at most 64 KiB of them.
func (i *Image) Notes() ([]Note, error) {
	var notes []Note
	left := uint64(maxNoteBytes)
	for _, n := range i.notes {
		if n.size > left {
			return nil, fmt.Errorf("notes: more than %d bytes", maxNoteBytes)
		}
		left -= n.size
		b := make([]byte, n.size)
		if m, err := i.r.ReadAt(b, int64(n.off)); m < len(b) {
			return nil, fmt.Errorf("notes: %d bytes at %#x: %w", len(b), n.off, err)
		}
		some, err := parseNotes(b, n.align)
		if err != nil {
			return nil, fmt.Errorf("notes at %#x of the file: %w", n.off, err)
		}
		notes = append(notes, some...)
	}
	return notes, nil
}

// parseNotes goes through notes. Owner, content and the next note begin at
// multiples of 4 bytes, or of 8 where the program header says so.
func parseNotes(b []byte, align uint64) ([]Note, error) {
	if align != 8 {
		align = 4
	}
	le := binary.LittleEndian
	var notes []Note
	for at := uint64(0); at+noteHeader <= uint64(len(b)); {
		size := uint64(len(b))
		owner := uint64(le.Uint32(b[at:]))
		desc := uint64(le.Uint32(b[at+4:]))
		kind := le.Uint32(b[at+8:])
		ownerAt := at + noteHeader
		descAt := roundUp(ownerAt+owner, align)
		if descAt > size || desc > size-descAt {
			return nil, errors.New("one passes their end")
		}
		name := b[ownerAt : ownerAt+owner]
		if owner > 0 && name[owner-1] == 0 {
			name = name[:owner-1]
		}
		notes = append(notes, Note{Owner: string(name), Type: kind, Desc: b[descAt : descAt+desc : descAt+desc]})
		at = roundUp(descAt+desc, align)
	}
	return notes, nil
}

func roundUp(n, align uint64) uint64 { return (n + align - 1) &^ (align - 1) }
