package boot

import (
	"github.com/hullvm/hull/boot/linux"
	"github.com/hullvm/hull/mem"
)

// memoryMap is what the guest is told of its memory. Holes that no entry names
// are for devices.
func (l *loader) memoryMap() []linux.E820Entry {
	entry := func(from, to mem.Addr, kind uint32) linux.E820Entry {
		return linux.E820Entry{Addr: uint64(from), Size: uint64(to - from), Kind: kind}
	}
	out := []linux.E820Entry{
		entry(0, mem.EBDA, linux.E820RAM),
		entry(mem.EBDA, mem.EBDA+mem.EBDASize, linux.E820Reserved),
		entry(mem.ACPITables, mem.ACPITables+mem.ACPITablesSize, linux.E820ACPI),
		entry(mem.ACPIFACS, mem.ACPIFACS+mem.ACPIFACSSize, linux.E820NVS),
	}
	for _, s := range l.Memory.Slots() {
		from, to := s.Base, s.Base+mem.Addr(s.Size)
		from = max(from, mem.HighMemory)
		if to > from {
			out = append(out, entry(from, to, linux.E820RAM))
		}
		if s.Base == 0 {
			out = append(out, entry(mem.KVMIdentityMap, mem.KVMTSS+mem.KVMTSSSize, linux.E820Reserved))
		}
	}
	return out
}
