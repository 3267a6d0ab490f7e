package elf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/hullvm/hull/mem"
)

// Segment is a piece of the file and the memory it belongs to. Memory past the
// file's part of it is to be zero.
type Segment struct {
	Offset   int64 // in the file
	FileSize uint64
	Virtual  uint64 // the address the kernel knows it by
	Addr     mem.Addr
	MemSize  uint64 // at least FileSize

	exec bool
}

// Image is a kernel in an ELF file.
type Image struct {
	// Segments lists what is loaded, ascending by address. None is empty in
	// memory, and none overlaps another.
	Segments []Segment

	r     io.ReaderAt
	entry uint64
	notes []noteRange
}

// Open reads the headers of a file of size bytes.
func Open(r io.ReaderAt, size int64) (*Image, error) {
	table, entry, err := programHeaders(r, size)
	if err != nil {
		return nil, err
	}
	image := &Image{r: r, entry: entry}
	for i := 0; len(table) > 0; i, table = i+1, table[programSize:] {
		if err := image.add(table, uint64(size)); err != nil {
			return nil, fmt.Errorf("program header %d: %w", i, err)
		}
	}
	if len(image.Segments) == 0 {
		return nil, errors.New("no program header says what to load")
	}
	return image, image.sort()
}

// add takes up one program header.
func (i *Image) add(p []byte, size uint64) error {
	le := binary.LittleEndian
	kind := le.Uint32(p[offSegmentType:])
	if kind != segmentLoad && kind != segmentNote {
		return nil
	}
	off, n := le.Uint64(p[offSegmentOffset:]), le.Uint64(p[offSegmentFile:])
	if off > size || n > size-off {
		return fmt.Errorf("%d bytes at %#x of a file of %d: the file is cut off", n, off, size)
	}
	if kind == segmentNote {
		i.notes = append(i.notes, noteRange{off: off, size: n, align: le.Uint64(p[offSegmentAlign:])})
		return nil
	}
	s := Segment{
		Offset: int64(off), FileSize: n,
		Virtual: le.Uint64(p[offSegmentVaddr:]),
		Addr:    mem.Addr(le.Uint64(p[offSegmentPaddr:])),
		MemSize: le.Uint64(p[offSegmentMemory:]),
		exec:    le.Uint32(p[offSegmentFlags:])&flagExec != 0,
	}
	switch {
	case s.FileSize > s.MemSize:
		return fmt.Errorf("%d bytes in the file and only %d in memory", s.FileSize, s.MemSize)
	case uint64(s.Addr)+s.MemSize < s.MemSize:
		return fmt.Errorf("%d bytes at %#x: past the last address", s.MemSize, uint64(s.Addr))
	case s.MemSize != 0:
		i.Segments = append(i.Segments, s)
	}
	return nil
}

func (i *Image) sort() error {
	slices.SortFunc(i.Segments, func(a, b Segment) int {
		if a.Addr < b.Addr {
			return -1
		}
		return 1
	})
	for n, s := range i.Segments[1:] {
		if before := i.Segments[n]; before.Addr+mem.Addr(before.MemSize) > s.Addr {
			return fmt.Errorf("segments of %d bytes at %#x and %d bytes at %#x overlap",
				before.MemSize, uint64(before.Addr), s.MemSize, uint64(s.Addr))
		}
	}
	return nil
}

// Extent is the memory from the first segment to the end of the last.
func (i *Image) Extent() (first mem.Addr, size uint64) {
	first = i.Segments[0].Addr
	last := i.Segments[len(i.Segments)-1]
	return first, uint64(last.Addr) + last.MemSize - uint64(first)
}

// Entry is the physical address of the first instruction. The format has a
// virtual address there, Linux puts a physical one: the first that lies in code
// is taken.
func (i *Image) Entry() (mem.Addr, error) {
	for _, s := range i.Segments {
		if off := i.entry - s.Virtual; s.exec && off < s.FileSize {
			return s.Addr + mem.Addr(off), nil
		}
	}
	if i.HasCode(mem.Addr(i.entry)) {
		return mem.Addr(i.entry), nil
	}
	return 0, fmt.Errorf("entry point %#x: in no segment of code", i.entry)
}

// HasCode reports whether what is loaded at the physical address a is code from
// the file.
func (i *Image) HasCode(a mem.Addr) bool {
	for _, s := range i.Segments {
		if s.exec && uint64(a-s.Addr) < s.FileSize {
			return true
		}
	}
	return false
}

// Load copies the segments into guest memory, which must read as zero where
// nobody has written. Segments that are not all RAM are refused when their turn
// comes.
func (i *Image) Load(g *mem.Guest) error {
	for _, s := range i.Segments {
		if !g.Contains(s.Addr, s.MemSize) {
			return fmt.Errorf("segment of %d bytes at %#x: not all of it is RAM", s.MemSize, uint64(s.Addr))
		}
		if err := g.CopyFromAt(i.r, s.Offset, s.Addr, s.FileSize); err != nil {
			return err
		}
	}
	return nil
}
