package linux

import (
	"encoding/binary"
	"fmt"

	"github.com/hullvm/hull/mem"
)

// Offsets of the zero page outside the setup header (zero-page.rst).
const (
	offRSDP            = 0x070 // 8 bytes
	offExtRamdiskImage = 0x0c0 // 4
	offExtRamdiskSize  = 0x0c4 // 4
	offExtCmdLinePtr   = 0x0c8 // 4
	offAltMemK         = 0x1e0 // 4: RAM from 1 MiB on, in KiB
	offE820Entries     = 0x1e8 // 1
	offE820Table       = 0x2d0

	e820EntrySize  = 20
	maxE820Entries = 128
)

// Kinds of memory, ACPI 6.5 table 15.3.
const (
	E820RAM      = 1
	E820Reserved = 2
	E820ACPI     = 3 // tables, free once they are read
	E820NVS      = 4 // must be kept
)

// MaxCommandLine is the longest command line a vmlinux takes, in bytes without
// the NUL. It has no header to say so.
const MaxCommandLine = commandLineSize - 1

// MemoryRange is an entry of the e820 map.
type MemoryRange struct {
	Addr mem.Addr
	Size uint64 // bytes
	Kind uint32
}

// ZeroPage is struct boot_params: what the kernel is told.
type ZeroPage struct {
	Kernel      *BzImage // nil for a vmlinux
	CommandLine mem.Addr
	Initrd      mem.Addr // unused if InitrdSize is 0
	InitrdSize  uint64   // bytes, 0 for no initrd
	RSDP        mem.Addr
	Memory      []MemoryRange
}

// Encode lays the zero page out: mem.ZeroPageSize bytes. It is an error if the
// memory map has more than 128 entries.
func (z *ZeroPage) Encode() ([]byte, error) {
	if len(z.Memory) > maxE820Entries {
		return nil, fmt.Errorf("memory map of %d entries: the most is %d", len(z.Memory), maxE820Entries)
	}
	b := make([]byte, mem.ZeroPageSize)
	le := binary.LittleEndian
	if z.Kernel != nil {
		copy(b[headerStart:], z.Kernel.header.raw)
		le.PutUint32(b[offCode32Start:], uint32(z.Kernel.base))
		// A file cannot know where setup data is in this machine's memory.
		le.PutUint64(b[offSetupData:], 0)
	} else {
		le.PutUint16(b[offBootFlag:], bootFlag)
		copy(b[offMagic:], headerMagic)
		le.PutUint16(b[offVersion:], ownVersion)
		le.PutUint16(b[offXLoadFlags:], xlfKernel64)
		le.PutUint32(b[offCmdlineSize:], MaxCommandLine)
	}
	b[offTypeOfLoader] = loaderUndefined
	b[offLoadFlags] |= loadedHigh
	le.PutUint16(b[offVidMode:], vidModeNormal)

	putSplit(b, offCmdLinePtr, offExtCmdLinePtr, uint64(z.CommandLine))
	if z.InitrdSize != 0 {
		putSplit(b, offRamdiskImage, offExtRamdiskImage, uint64(z.Initrd))
		putSplit(b, offRamdiskSize, offExtRamdiskSize, z.InitrdSize)
	} else {
		putSplit(b, offRamdiskImage, offExtRamdiskImage, 0)
		putSplit(b, offRamdiskSize, offExtRamdiskSize, 0)
	}
	le.PutUint64(b[offRSDP:], uint64(z.RSDP))

	b[offE820Entries] = byte(len(z.Memory))
	for i, r := range z.Memory {
		e := b[offE820Table+i*e820EntrySize:]
		le.PutUint64(e, uint64(r.Addr))
		le.PutUint64(e[8:], r.Size)
		le.PutUint32(e[16:], r.Kind)
		if r.Kind == E820RAM && r.Addr == mem.HighMemory {
			le.PutUint32(b[offAltMemK:], uint32(r.Size>>10))
		}
	}
	return b, nil
}

// putSplit writes v as two halves, as the boot protocol has fields that were 32
// bits wide at first.
func putSplit(b []byte, low, high int, v uint64) {
	binary.LittleEndian.PutUint32(b[low:], uint32(v))
	binary.LittleEndian.PutUint32(b[high:], uint32(v>>32))
}
