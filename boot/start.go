package boot

import (
	"fmt"

	"github.com/hullvm/hull/boot/linux"
	"github.com/hullvm/hull/boot/pvh"
	"github.com/hullvm/hull/mem"
)

// Bits of the control registers (Intel SDM volume 3, 2.5 and 2.2.1).
const (
	cr0PE = 1 << 0
	cr0ET = 1 << 4
	cr0PG = 1 << 31

	cr4PAE = 1 << 5

	eferLME = 1 << 8
	eferLMA = 1 << 10

	rflagsReserved = 1 << 1 // always 1
)

// Types of descriptor.
const (
	typeCode = 0xb // execute, read, accessed
	typeData = 0x3 // read, write, accessed
	typeTask = 0xb // busy TSS
)

func flat(selector uint16, kind uint8) Segment {
	return Segment{Selector: selector, Limit: 0xffffffff, Type: kind, S: 1, Present: 1, G: 1}
}

// segments are a code segment of that many bits, the data segment, and a task
// segment, which the processor wants to be there.
func segments(long bool) (code, data, task Segment) {
	code, data = flat(selectorCode, typeCode), flat(selectorData, typeData)
	data.DB = 1
	if long {
		code.L = 1
	} else {
		code.DB = 1
	}
	task = Segment{Selector: selectorTask, Limit: 0x67, Type: typeTask, Present: 1}
	return code, data, task
}

func (l *loader) startLinux(k *kernel, initrd Range) (Start, error) {
	zero := linux.ZeroPage{
		Header:      k.header,
		CmdLine:     uint64(mem.CommandLine),
		Initrd:      uint64(initrd.Addr),
		InitrdSize:  initrd.Size,
		RSDP:        uint64(mem.ACPITables),
		Map:         l.memoryMap(),
		ExtendedKiB: uint32((l.lowRAM() - min(l.lowRAM(), uint64(mem.HighMemory))) >> 10),
	}
	page, err := zero.Encode()
	if err != nil {
		return Start{}, fmt.Errorf("zero page: %w", err)
	}
	if err := l.write("zero page", page, mem.ZeroPage); err != nil {
		return Start{}, err
	}
	if err := l.writePageTables(); err != nil {
		return Start{}, err
	}
	s, err := l.start(k, true)
	s.RSI = uint64(mem.ZeroPage)
	s.CR0 = cr0PE | cr0ET | cr0PG
	s.CR3 = uint64(mem.BootPageTables)
	s.CR4 = cr4PAE
	s.EFER = eferLME | eferLMA
	return s, err
}

func (l *loader) startPVH(k *kernel, initrd Range) (Start, error) {
	info := pvh.StartInfo{
		CmdLine:    uint64(mem.CommandLine),
		Initrd:     uint64(initrd.Addr),
		InitrdSize: initrd.Size,
		RSDP:       uint64(mem.ACPITables),
	}
	for _, e := range l.memoryMap() {
		info.Map = append(info.Map, pvh.MapEntry{Addr: e.Addr, Size: e.Size, Kind: e.Kind})
	}
	b, err := info.Encode(uint64(mem.PVHStartInfo), mem.PVHStartInfoSize)
	if err != nil {
		return Start{}, err
	}
	if err := l.write("start info", b, mem.PVHStartInfo); err != nil {
		return Start{}, err
	}
	s, err := l.start(k, false)
	s.RBX = uint64(mem.PVHStartInfo)
	s.CR0 = cr0PE | cr0ET
	return s, err
}

// start is what both ways of starting share: flat segments, a stack, no
// interrupts.
func (l *loader) start(k *kernel, long bool) (Start, error) {
	code, data, task := segments(long)
	s := Start{
		Protocol: k.protocol,
		RIP:      k.entry,
		RSP:      uint64(mem.BootStack) + mem.BootStackSize,
		RFLAGS:   rflagsReserved,
		CS:       code, DS: data, ES: data, FS: data, GS: data, SS: data, TR: task,
		GDT: Table{Base: uint64(mem.BootGDT), Limit: selectorTask + 16 - 1},
	}
	return s, l.writeGDT(code, data, task)
}
