package linux

import (
	"encoding/binary"
	"fmt"
)

// Offsets of the zero page outside the setup header.
const (
	offACPIRSDPAddr    = 0x070 // 8
	offExtRamdiskImage = 0x0c0 // 4
	offExtRamdiskSize  = 0x0c4 // 4
	offExtCmdLinePtr   = 0x0c8 // 4
	offAltMemK         = 0x1e0 // 4
	offE820Entries     = 0x1e8 // 1
	offE820Table       = 0x2d0 // 20 each

	e820EntrySize = 20
	maxE820       = 128

	// ZeroPageSize is the size of the zero page in bytes.
	ZeroPageSize = 4096
)

// Kinds of memory in an E820Entry (ACPI 6.5, table 15.3).
const (
	E820RAM      = 1
	E820Reserved = 2
	E820ACPI     = 3 // reclaimable
	E820NVS      = 4
)

// E820Entry is a piece of the memory map.
type E820Entry struct {
	Addr, Size uint64 // bytes
	Kind       uint32
}

// ZeroPage is what the kernel is told at its start.
type ZeroPage struct {
	Header      *Header // of the bzImage; nil for a vmlinux, which has none
	CmdLine     uint64  // address
	Initrd      uint64  // address; 0 for none
	InitrdSize  uint64  // bytes
	RSDP        uint64  // address
	Map         []E820Entry
	ExtendedKiB uint32 // RAM from 1 MiB up to the first hole
}

// Encode lays the zero page out.
func (z *ZeroPage) Encode() ([]byte, error) {
	if len(z.Map) > maxE820 {
		return nil, fmt.Errorf("memory map of %d entries, at most %d", len(z.Map), maxE820)
	}
	p := make([]byte, ZeroPageSize)
	le := binary.LittleEndian
	if z.Header != nil {
		copy(p[offSetupSects:], z.Header.raw[offSetupSects:])
	} else {
		le.PutUint16(p[offBootFlag:], bootFlag)
		copy(p[offHeader:], headerMagic)
		le.PutUint16(p[offVersion:], minVersion)
		le.PutUint16(p[offXLoadFlags:], xlfKernel64)
		le.PutUint32(p[offKernelAlignment:], 0x200000)
	}
	p[offTypeOfLoader] = loaderUnknown
	p[offLoadFlags] |= loadedHigh

	le.PutUint32(p[offCmdLinePtr:], uint32(z.CmdLine))
	le.PutUint32(p[offExtCmdLinePtr:], uint32(z.CmdLine>>32))
	le.PutUint32(p[offRamdiskImage:], uint32(z.Initrd))
	le.PutUint32(p[offExtRamdiskImage:], uint32(z.Initrd>>32))
	le.PutUint32(p[offRamdiskSize:], uint32(z.InitrdSize))
	le.PutUint32(p[offExtRamdiskSize:], uint32(z.InitrdSize>>32))
	le.PutUint64(p[offACPIRSDPAddr:], z.RSDP)
	le.PutUint32(p[offAltMemK:], z.ExtendedKiB)

	p[offE820Entries] = byte(len(z.Map))
	for i, e := range z.Map {
		b := p[offE820Table+i*e820EntrySize:]
		le.PutUint64(b, e.Addr)
		le.PutUint64(b[8:], e.Size)
		le.PutUint32(b[16:], e.Kind)
	}
	return p, nil
}
