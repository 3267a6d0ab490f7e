package boot

import (
	"encoding/binary"

	"github.com/hullvm/hull/mem"
)

// Selectors of the boot GDT. Linux wants code and data where they are (boot.rst,
// 64-bit BOOT PROTOCOL); the processor wants a task segment of some sort.
const (
	selectorCode = 0x10
	selectorData = 0x18
	selectorTask = 0x20 // of 16 bytes in long mode
	gdtSize      = 0x30
)

// Types of segment, accessed and busy already (Intel SDM volume 3, 3.4.5.1 and
// 3.5).
const (
	segmentCode = 0xb // execute, read
	segmentData = 0x3 // read, write
	segmentTask = 0xb // 32-bit or 64-bit
	taskLimit   = 0x67
)

// segments are flat code and data, and a task segment.
func segments(long bool) (code, data, task Segment) {
	flat := Segment{Limit: 0xffff_ffff, S: 1, Present: 1, G: 1}
	code, data = flat, flat
	code.Selector, code.Type = selectorCode, segmentCode
	data.Selector, data.Type = selectorData, segmentData
	data.DB = 1
	if long {
		code.L = 1
	} else {
		code.DB = 1
	}
	return code, data, Segment{Selector: selectorTask, Limit: taskLimit, Type: segmentTask, Present: 1}
}

// gdt is the table the segments would have been loaded from.
func gdt(segments ...Segment) []byte {
	b := make([]byte, gdtSize)
	for _, s := range segments {
		binary.LittleEndian.PutUint64(b[s.Selector:], s.descriptor())
	}
	return b
}

// descriptor is the segment as a descriptor table holds it (Intel SDM volume 3,
// figure 3-8), its base below 4 GiB.
func (s Segment) descriptor() uint64 {
	limit := uint64(s.Limit)
	if s.G != 0 {
		limit >>= 12
	}
	access := uint64(s.Type&0xf) | uint64(s.S)<<4 | uint64(s.DPL)<<5 | uint64(s.Present)<<7
	flags := uint64(s.AVL) | uint64(s.L)<<1 | uint64(s.DB)<<2 | uint64(s.G)<<3
	return limit&0xffff | s.Base&0xff_ffff<<16 | access<<40 |
		limit>>16&0xf<<48 | flags<<52 | s.Base>>24&0xff<<56
}

// writeGDT writes the table and returns its register.
func (l *loader) writeGDT(segments ...Segment) (Table, error) {
	b := gdt(segments...)
	return Table{Base: uint64(mem.BootGDT), Limit: uint16(len(b) - 1)}, l.write("GDT", mem.BootGDT, b)
}
