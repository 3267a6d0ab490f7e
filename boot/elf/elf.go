// Package elf reads what a loader needs of a 64-bit x86 ELF file: its entry and
// its program headers. It reads nothing else, so that a damaged or hostile file
// costs a few kilobytes.
//
// Layouts are those of the System V ABI, chapters 4 and 5.
package elf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

const (
	headerSize  = 64
	programSize = 56
	maxPrograms = 128

	machineX86_64 = 62
	typeExec      = 2
	typeDyn       = 3
)

// Types of program headers.
const (
	Load = 1
	Note = 4
)

// Program is a program header.
type Program struct {
	Type     uint32
	Offset   uint64 // of its bytes in the file
	Vaddr    uint64
	Paddr    uint64 // where it is loaded
	FileSize uint64 // bytes in the file
	MemSize  uint64 // bytes in memory: the rest is zero
}

// File is an ELF file's header.
type File struct {
	Entry    uint64
	Programs []Program
}

// ErrNotELF says that a file does not begin as an ELF file does.
var ErrNotELF = errors.New("not an ELF file")

// Is reports whether a file that begins with head is an ELF file.
func Is(head []byte) bool { return len(head) >= 4 && string(head[:4]) == "\x7fELF" }

// Read reads the header of a file of size bytes.
func Read(r io.ReaderAt, size int64) (*File, error) {
	var head [headerSize]byte
	if err := readFull(r, head[:], 0, size); err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	le := binary.LittleEndian
	switch {
	case !Is(head[:]):
		return nil, ErrNotELF
	case head[4] == 1:
		return nil, errors.New("a 32-bit ELF file: Hull boots 64-bit kernels")
	case head[4] != 2 || head[5] != 1:
		return nil, errors.New("an ELF file of unknown class or byte order")
	}
	if m := le.Uint16(head[18:]); m != machineX86_64 {
		return nil, fmt.Errorf("an ELF file for machine %d: x86-64 is %d", m, machineX86_64)
	}
	if k := le.Uint16(head[16:]); k != typeExec && k != typeDyn {
		return nil, fmt.Errorf("an ELF file of type %d: not a program", k)
	}
	off := le.Uint64(head[32:])
	entry, n := le.Uint16(head[54:]), le.Uint16(head[56:])
	if n == 0 || n > maxPrograms || entry != programSize {
		return nil, fmt.Errorf("%d program headers of %d bytes: 1 to %d of %d are", n, entry, maxPrograms, programSize)
	}
	table := make([]byte, int(n)*programSize)
	if off > uint64(size) {
		return nil, fmt.Errorf("program headers at %#x: past the end of the file, %#x", off, size)
	}
	if err := readFull(r, table, int64(off), size); err != nil {
		return nil, fmt.Errorf("program headers: %w", err)
	}
	f := &File{Entry: le.Uint64(head[24:])}
	for ; len(table) > 0; table = table[programSize:] {
		p := Program{
			Type: le.Uint32(table), Offset: le.Uint64(table[8:]), Vaddr: le.Uint64(table[16:]),
			Paddr: le.Uint64(table[24:]), FileSize: le.Uint64(table[32:]), MemSize: le.Uint64(table[40:]),
		}
		if p.Type != Load && p.Type != Note {
			continue
		}
		if err := p.check(uint64(size)); err != nil {
			return nil, err
		}
		f.Programs = append(f.Programs, p)
	}
	return f, nil
}

func (p Program) check(size uint64) error {
	switch {
	case p.Offset > size || p.FileSize > size-p.Offset:
		return fmt.Errorf("segment at %#x: its %#x bytes at %#x of the file pass the file's end, %#x: the file is cut off", p.Paddr, p.FileSize, p.Offset, size)
	case p.Type == Load && p.FileSize > p.MemSize:
		return fmt.Errorf("segment at %#x: %#x bytes in the file and only %#x in memory", p.Paddr, p.FileSize, p.MemSize)
	case p.Paddr+p.MemSize < p.Paddr:
		return fmt.Errorf("segment at %#x: its %#x bytes pass the end of memory", p.Paddr, p.MemSize)
	}
	return nil
}

// readFull reads all of p at off of a file of size bytes.
func readFull(r io.ReaderAt, p []byte, off, size int64) error {
	if off < 0 || off > size || int64(len(p)) > size-off {
		return fmt.Errorf("%d bytes at %#x: the file has %d", len(p), off, size)
	}
	if n, err := r.ReadAt(p, off); n < len(p) {
		return fmt.Errorf("%d bytes at %#x: %w", len(p), off, err)
	}
	return nil
}
