package elf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The file's header: offsets, and the values that are accepted.
const (
	offClass         = 4  // 1 byte
	offByteOrder     = 5  // 1
	offType          = 16 // 2
	offMachine       = 18 // 2
	offEntry         = 24 // 8
	offPrograms      = 32 // 8: where the program headers are in the file
	offProgramSize   = 54 // 2: of one program header
	offProgramsCount = 56 // 2
	headerSize       = 64

	magic        = "\x7fELF"
	class32      = 1
	class64      = 2
	littleEndian = 1
	typeExec     = 2
	typeDyn      = 3
	machineAMD64 = 62
)

// A program header.
const (
	offSegmentType   = 0  // 4
	offSegmentFlags  = 4  // 4
	offSegmentOffset = 8  // 8
	offSegmentVaddr  = 16 // 8
	offSegmentPaddr  = 24 // 8
	offSegmentFile   = 32 // 8
	offSegmentMemory = 40 // 8
	offSegmentAlign  = 48 // 8
	programSize      = 56

	segmentLoad  = 1
	segmentNote  = 4
	flagExec     = 1
	maxPrograms  = 128 // Linux has 5
	maxNoteBytes = 64 << 10
)

// Is reports whether a file that begins with head is an ELF file.
func Is(head []byte) bool { return len(head) >= len(magic) && string(head[:len(magic)]) == magic }

// programHeaders reads the program headers of a file of size bytes, in a row,
// and the entry address.
func programHeaders(r io.ReaderAt, size int64) (table []byte, entry uint64, err error) {
	var head [headerSize]byte
	if err := readFull(r, head[:], 0, size); err != nil {
		return nil, 0, fmt.Errorf("ELF header: %w", err)
	}
	le := binary.LittleEndian
	kind, machine := le.Uint16(head[offType:]), le.Uint16(head[offMachine:])
	switch {
	case !Is(head[:]):
		return nil, 0, errors.New("not an ELF file")
	case head[offClass] == class32:
		return nil, 0, errors.New("a 32-bit ELF file: only 64-bit kernels can be started")
	case head[offClass] != class64 || head[offByteOrder] != littleEndian:
		return nil, 0, fmt.Errorf("an ELF file of class %d and byte order %d: want 64 bits, little-endian", head[offClass], head[offByteOrder])
	case machine != machineAMD64:
		return nil, 0, fmt.Errorf("an ELF file for machine %d: want %d, x86-64", machine, machineAMD64)
	case kind != typeExec && kind != typeDyn:
		return nil, 0, fmt.Errorf("an ELF file of type %d: want a linked program, as vmlinux is", kind)
	}
	n, each := le.Uint16(head[offProgramsCount:]), le.Uint16(head[offProgramSize:])
	if n == 0 || n > maxPrograms || each != programSize {
		return nil, 0, fmt.Errorf("%d program headers of %d bytes: want 1 to %d of %d", n, each, maxPrograms, programSize)
	}
	table = make([]byte, int(n)*programSize)
	if err := readFull(r, table, le.Uint64(head[offPrograms:]), size); err != nil {
		return nil, 0, fmt.Errorf("program headers: %w", err)
	}
	return table, le.Uint64(head[offEntry:]), nil
}

// readFull reads all of p at off of a file of size bytes.
func readFull(r io.ReaderAt, p []byte, off uint64, size int64) error {
	if off > uint64(size) || uint64(len(p)) > uint64(size)-off {
		return fmt.Errorf("%d bytes at %#x of a file of %d: the file is cut off", len(p), off, size)
	}
	if n, err := r.ReadAt(p, int64(off)); n < len(p) {
		return fmt.Errorf("%d bytes at %#x: %w", len(p), off, err)
	}
	return nil
}
