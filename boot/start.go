package boot

import (
	"fmt"

	"github.com/hullvm/hull/boot/linux"
	"github.com/hullvm/hull/boot/pvh"
	"github.com/hullvm/hull/mem"
)

// Bits of registers (Intel SDM volume 3, 2.2.1, 2.3 and 2.5).
const (
	cr0PE  = 1 << 0 // protected mode
	cr0ET  = 1 << 4 // always 1
	cr0PG  = 1 << 31
	cr4PAE = 1 << 5

	eferLME = 1 << 8
	eferLMA = 1 << 10

	rflagsReserved = 1 << 1 // always 1
)

// startLinux is the 64-bit entry of Linux: paging on, memory mapped to itself,
// the zero page in RSI (boot.rst, 64-bit BOOT PROTOCOL).
func (l *loader) startLinux(k *kernel, initrd Range) (Start, error) {
	page, err := (&linux.ZeroPage{
		Kernel:      k.bzImage,
		CommandLine: mem.CommandLine,
		Initrd:      initrd.Addr,
		InitrdSize:  initrd.Size,
		RSDP:        mem.ACPITables,
		Memory:      l.memoryMap(),
	}).Encode()
	if err != nil {
		return Start{}, fmt.Errorf("zero page: %w", err)
	}
	if err := l.write("zero page", mem.ZeroPage, page); err != nil {
		return Start{}, err
	}
	if err := l.write("page tables", mem.BootPageTables, pageTables(l.GiantPages)); err != nil {
		return Start{}, err
	}
	s, err := l.start(k, true)
	s.RSI = uint64(mem.ZeroPage)
	s.CR0 = cr0PG | cr0ET | cr0PE
	s.CR3 = uint64(mem.BootPageTables)
	s.CR4 = cr4PAE
	s.EFER = eferLME | eferLMA
	return s, err
}

// startPVH is the PVH entry: protected mode without paging, the start info in
// EBX (Xen, docs/misc/pvh.pandoc).
func (l *loader) startPVH(k *kernel, initrd Range) (Start, error) {
	info := &pvh.StartInfo{
		CommandLine: mem.CommandLine,
		Initrd:      initrd.Addr,
		InitrdSize:  initrd.Size,
		RSDP:        mem.ACPITables,
	}
	for _, r := range l.memoryMap() {
		info.Memory = append(info.Memory, pvh.MemoryRange(r))
	}
	b, err := info.Encode()
	if err != nil {
		return Start{}, fmt.Errorf("PVH start info: %w", err)
	}
	if err := l.write("PVH start info", mem.PVHStartInfo, b); err != nil {
		return Start{}, err
	}
	s, err := l.start(k, false)
	s.RBX = uint64(mem.PVHStartInfo)
	s.CR0 = cr0ET | cr0PE
	return s, err
}

// start is what both entries share: flat segments, interrupts off, and a stack,
// which neither protocol promises.
func (l *loader) start(k *kernel, long bool) (Start, error) {
	code, data, task := segments(long)
	table, err := l.writeGDT(code, data, task)
	return Start{
		Protocol: k.protocol,
		RIP:      uint64(k.entry),
		RSP:      uint64(mem.BootStack) + mem.BootStackSize,
		RFLAGS:   rflagsReserved,
		CS:       code, DS: data, ES: data, SS: data, TR: task,
		GDT: table,
	}, err
}
