package boot

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hullvm/hull/boot/linux"
	"github.com/hullvm/hull/mem"
)

func TestMemoryMap(t *testing.T) {
	const ram, reserved, tables, nvs = linux.E820RAM, linux.E820Reserved, linux.E820ACPI, linux.E820NVS
	low := []linux.MemoryRange{
		{Addr: 0, Size: 0x9fc00, Kind: ram},
		{Addr: 0x9fc00, Size: 0x400, Kind: reserved},
		{Addr: 0xe0000, Size: 0x2000, Kind: tables},
		{Addr: 0xe2000, Size: 0x1d000, Kind: reserved},
		{Addr: 0xff000, Size: 0x1000, Kind: nvs},
	}
	kvm := linux.MemoryRange{Addr: 0xfffbc000, Size: 0x4000, Kind: reserved}
	for name, test := range map[string]struct {
		size uint64
		want []linux.MemoryRange
	}{
		"1 MiB":          {1 << 20, []linux.MemoryRange{kvm}},
		"128 MiB":        {128 << 20, []linux.MemoryRange{{Addr: 1 << 20, Size: 127 << 20, Kind: ram}, kvm}},
		"up to the hole": {3 << 30, []linux.MemoryRange{{Addr: 1 << 20, Size: 3<<30 - 1<<20, Kind: ram}, kvm}},
		"6 GiB": {6 << 30, []linux.MemoryRange{
			{Addr: 1 << 20, Size: 3<<30 - 1<<20, Kind: ram}, kvm, {Addr: 4 << 30, Size: 3 << 30, Kind: ram},
		}},
	} {
		l := &loader{
			Machine: Machine{Memory: newMemory(t, test.size)},
			placed:  []Range{{"ACPI XSDT", mem.ACPITables + 0x1001, 52}, {"ACPI FACS", mem.ACPIFACS, 64}},
		}
		got := l.memoryMap()
		if diff := cmp.Diff(append(low[:len(low):len(low)], test.want...), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		for _, r := range got {
			if r.Kind == ram && !l.Memory.Contains(r.Addr, r.Size) {
				t.Errorf("%s: %#x is not RAM", name, uint64(r.Addr))
			}
		}
	}
}

// The generation id must outlive a guest that takes the tables' memory back, and
// one that wakes from its disk: its page is neither ACPI's nor NVS.
func TestGenerationPageIsReserved(t *testing.T) {
	for name, size := range map[string]uint64{"few tables": 100, "all there is room for": mem.ACPITablesSize} {
		l := &loader{
			Machine: Machine{Memory: newMemory(t, 64<<20)},
			placed:  []Range{{"ACPI DSDT", mem.ACPITables, size}},
		}
		found := false
		for _, r := range l.memoryMap() {
			if r.Addr < mem.GenerationID+mem.GenerationIDSize && mem.GenerationID < r.Addr+mem.Addr(r.Size) {
				if r.Kind != linux.E820Reserved {
					t.Errorf("%s: %#x with %#x bytes is of kind %d", name, uint64(r.Addr), r.Size, r.Kind)
				}
				found = true
			}
		}
		if !found {
			t.Errorf("%s: the page is in no range", name)
		}
	}
}

// The guest's RAM is all in the map but for what lies between 639 KiB and 1 MiB.
func TestMemoryMapOfTheSmallestAndTheLargest(t *testing.T) {
	for _, size := range []uint64{1<<20 + mem.PageSize, mem.MaxSize} {
		g, err := mem.New(mem.Options{Size: size, Overcommit: true})
		if err != nil {
			t.Skipf("missing: address space for a guest of %s: %v", mem.FormatSize(size), err)
		}
		l := &loader{Machine: Machine{Memory: g}}
		var ram uint64
		for _, r := range l.memoryMap() {
			if r.Kind == linux.E820RAM {
				ram += r.Size
			}
		}
		if want := size - 1<<20 + 0x9fc00; ram != want {
			t.Errorf("%s: %d bytes of RAM in the map, want %d", mem.FormatSize(size), ram, want)
		}
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	}
}
