package boot

import (
	"github.com/hullvm/hull/boot/linux"
	"github.com/hullvm/hull/mem"
)

// memoryMap is what the guest is told of its memory, ascending. Addresses that
// no entry names are for devices.
func (l *loader) memoryMap() []linux.MemoryRange {
	const facs, top = mem.ACPIFACS, mem.HighMemory
	tables := mem.ACPITables
	for _, p := range l.placed {
		if p.Addr >= mem.ACPITables && p.Addr < facs {
			tables = max(tables, p.Addr+mem.Addr(p.Size))
		}
	}
	tables = mem.Addr(roundUp(uint64(tables), mem.PageSize))

	var ranges []linux.MemoryRange
	add := func(from, to mem.Addr, kind uint32) {
		if from < to {
			ranges = append(ranges, linux.MemoryRange{Addr: from, Size: uint64(to - from), Kind: kind})
		}
	}
	add(0, mem.EBDA, linux.E820RAM)
	add(mem.EBDA, mem.EBDA+mem.EBDASize, linux.E820Reserved)
	add(mem.ACPITables, tables, linux.E820ACPI)
	add(tables, facs, linux.E820Reserved)
	add(facs, facs+mem.ACPIFACSSize, linux.E820NVS)
	for _, s := range l.Memory.Slots() {
		if s.Base < mem.HighRAM {
			add(max(s.Base, top), s.Base+mem.Addr(s.Size), linux.E820RAM)
		}
	}
	if l.PCI != nil {
		// Kernels that look before they have read the tables trust this.
		add(mem.Addr(l.PCI.ECAM), mem.Addr(l.PCI.ECAM)+mem.Addr(l.PCI.Buses)<<20, linux.E820Reserved)
	}
	add(mem.KVMIdentityMap, mem.KVMTSS+mem.KVMTSSSize, linux.E820Reserved)
	for _, s := range l.Memory.Slots() {
		if s.Base >= mem.HighRAM {
			add(s.Base, s.Base+mem.Addr(s.Size), linux.E820RAM)
		}
	}
	return ranges
}
