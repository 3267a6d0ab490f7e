package boot

import (
	"fmt"

	"github.com/hullvm/hull/boot/elf"
	"github.com/hullvm/hull/boot/linux"
	"github.com/hullvm/hull/boot/pvh"
	"github.com/hullvm/hull/mem"
)

// kernel is a kernel that has been loaded.
type kernel struct {
	protocol    Protocol
	entry       uint64
	end         uint64        // first address that the kernel does not need at its start
	header      *linux.Header // nil for an ELF file
	initrdMax   uint64        // last address that the initrd may occupy
	cmdlineSize uint64        // longest command line in bytes, 0 for no limit
}

// elfInitrdMax is the limit that every 64-bit Linux has had in its header: an
// ELF file has none to read it from.
const elfInitrdMax = 0x7fffffff

func (l *loader) loadBZImage() (*kernel, error) {
	h, err := linux.ReadHeader(l.Kernel.Data, l.Kernel.Size)
	if err != nil {
		return nil, err
	}
	at, err := l.placeBZImage(h)
	if err != nil {
		return nil, err
	}
	if err := l.copyIn("kernel", &l.Kernel, h.KernelOffset, h.KernelSize, mem.Addr(at)); err != nil {
		return nil, err
	}
	return &kernel{
		protocol:    BZImage,
		entry:       h.Entry(at),
		end:         at + max(h.InitSize, uint64(h.KernelSize)),
		header:      h,
		initrdMax:   h.InitrdAddrMax,
		cmdlineSize: h.CmdlineSize,
	}, nil
}

// placeBZImage chooses where the kernel goes: where it wants to be, or as low as
// it may where there is too little memory for that.
func (l *loader) placeBZImage(h *linux.Header) (uint64, error) {
	need := max(h.InitSize, uint64(h.KernelSize))
	room := l.lowRAM()
	fits := func(at uint64) bool { return at >= uint64(mem.HighMemory) && at <= room && need <= room-at }
	if fits(h.PrefAddress) {
		return h.PrefAddress, nil
	}
	low := (uint64(mem.HighMemory) + h.Alignment - 1) &^ (h.Alignment - 1)
	if h.Relocatable && fits(low) {
		return low, nil
	}
	first := h.PrefAddress
	if h.Relocatable {
		first = min(first, low)
	}
	return 0, fmt.Errorf("it needs %d MiB of memory from %#x on, the machine has %s: raise memory.size",
		(need+1<<20-1)>>20, first, mem.FormatSize(l.Memory.Size()))
}

func (l *loader) loadELF() (*kernel, error) {
	f, err := elf.Read(l.Kernel.Data, l.Kernel.Size)
	if err != nil {
		return nil, err
	}
	k := &kernel{protocol: ELF, entry: f.Entry, initrdMax: elfInitrdMax}
	if l.Protocol == PVH {
		entry, err := pvh.Entry(l.Kernel.Data, f)
		if err != nil {
			return nil, err
		}
		k.protocol, k.entry = PVH, uint64(entry)
	}
	if err := l.checkSegments(f, k); err != nil {
		return nil, err
	}
	for _, p := range f.Programs {
		if p.Type != elf.Load || p.FileSize == 0 {
			continue
		}
		// What is in memory and not in the file is zero already.
		if err := l.copyIn("kernel", &l.Kernel, int64(p.Offset), int64(p.FileSize), mem.Addr(p.Paddr)); err != nil {
			return nil, err
		}
	}
	return k, nil
}

// checkSegments holds that all segments are RAM above 1 MiB, do not overlap, and
// hold the entry; it notes where they end.
func (l *loader) checkSegments(f *elf.File, k *kernel) error {
	room := l.lowRAM()
	inside := false
	var loads []elf.Program
	for _, p := range f.Programs {
		if p.Type != elf.Load || p.MemSize == 0 {
			continue
		}
		if p.Paddr < uint64(mem.HighMemory) {
			return fmt.Errorf("segment at %#x: kernels are loaded at %#x or above", p.Paddr, uint64(mem.HighMemory))
		}
		if p.Paddr+p.MemSize > room {
			return fmt.Errorf("segment at %#x: it needs memory up to %#x, the machine has %s: raise memory.size",
				p.Paddr, p.Paddr+p.MemSize, mem.FormatSize(l.Memory.Size()))
		}
		for _, other := range loads {
			if p.Paddr < other.Paddr+other.MemSize && other.Paddr < p.Paddr+p.MemSize {
				return fmt.Errorf("segments at %#x and %#x overlap", other.Paddr, p.Paddr)
			}
		}
		loads = append(loads, p)
		k.end = max(k.end, p.Paddr+p.MemSize)
		inside = inside || k.entry >= p.Paddr && k.entry < p.Paddr+p.MemSize
	}
	if !inside {
		return fmt.Errorf("entry %#x is in none of the %d segments that are loaded", k.entry, len(loads))
	}
	return nil
}
