package pvh

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/hullvm/hull/boot/elf"
)

const (
	notePhys32Entry = 18 // XEN_ELFNOTE_PHYS32_ENTRY
	noteName        = "Xen\x00"
	noteHeader      = 12

	// maxNotes bounds the notes that are read, in bytes; kernels have some
	// hundred.
	maxNotes = 64 << 10
)

// ErrNoEntry says that a kernel has no PVH entry.
var ErrNoEntry = errors.New("the kernel has no PVH entry (CONFIG_PVH)")

// Entry finds the 32-bit entry's physical address in an ELF file's notes.
func Entry(r io.ReaderAt, f *elf.File) (uint32, error) {
	for _, p := range f.Programs {
		if p.Type != elf.Note {
			continue
		}
		if p.FileSize > maxNotes {
			return 0, fmt.Errorf("notes of %d bytes, at most %d", p.FileSize, maxNotes)
		}
		notes := make([]byte, p.FileSize)
		if n, err := r.ReadAt(notes, int64(p.Offset)); n < len(notes) {
			return 0, fmt.Errorf("notes: %w", err)
		}
		if entry, ok, err := find(notes); ok || err != nil {
			return entry, err
		}
	}
	return 0, ErrNoEntry
}

// find goes through notes: lengths of name and content, type, then both padded
// to 4 bytes.
func find(notes []byte) (entry uint32, ok bool, err error) {
	le := binary.LittleEndian
	for len(notes) >= noteHeader {
		name, content, kind := uint64(le.Uint32(notes)), uint64(le.Uint32(notes[4:])), le.Uint32(notes[8:])
		notes = notes[noteHeader:]
		namePadded, contentPadded := (name+3)&^3, (content+3)&^3
		if namePadded > uint64(len(notes)) || content > uint64(len(notes))-namePadded {
			return 0, false, errors.New("a note passes the end of the notes")
		}
		if kind == notePhys32Entry && string(notes[:name]) == noteName {
			value := notes[namePadded : namePadded+content]
			switch content {
			case 4:
				return le.Uint32(value), true, nil
			case 8:
				if v := le.Uint64(value); v <= 1<<32-1 {
					return uint32(v), true, nil
				}
			}
			return 0, false, errors.New("the PVH entry's note does not hold a 32-bit address")
		}
		notes = notes[min(namePadded+contentPadded, uint64(len(notes))):]
	}
	return 0, false, nil
}
