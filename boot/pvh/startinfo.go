package pvh

import (
	"encoding/binary"
	"fmt"

	"github.com/hullvm/hull/mem"
)

// struct hvm_start_info, xen/include/public/arch-x86/hvm/start_info.h.
const (
	offMagic      = 0  // 4 bytes
	offVersion    = 4  // 4
	offModules    = 12 // 4: how many
	offModlist    = 16 // 8: where
	offCmdline    = 24 // 8
	offRSDP       = 32 // 8
	offMemmap     = 40 // 8: where
	offMapEntries = 48 // 4: how many
	startInfoSize = 56

	startMagic   = 0x336ec578
	startVersion = 1 // has the memory map
)

// struct hvm_modlist_entry; its command line stays 0.
const (
	offModuleAddr = 0 // 8
	offModuleSize = 8 // 8
	moduleSize    = 32
)

// struct hvm_memmap_table_entry.
const (
	offRangeAddr = 0  // 8
	offRangeSize = 8  // 8
	offRangeKind = 16 // 4
	rangeSize    = 24
)

// MemoryRange is an entry of the memory map. Kinds are those of e820.
type MemoryRange struct {
	Addr mem.Addr
	Size uint64 // bytes
	Kind uint32
}

// StartInfo is struct hvm_start_info with what it points to.
type StartInfo struct {
	CommandLine mem.Addr
	Initrd      mem.Addr // the only module; unused if InitrdSize is 0
	InitrdSize  uint64   // bytes, 0 for no initrd
	RSDP        mem.Addr
	Memory      []MemoryRange
}

// Encode lays the start info out for mem.PVHStartInfo: the structure, the
// module list, the memory map. It is an error if that takes more than
// mem.PVHStartInfoSize.
func (s *StartInfo) Encode() ([]byte, error) {
	modules := 0
	if s.InitrdSize != 0 {
		modules = 1
	}
	modlist := startInfoSize
	memmap := modlist + modules*moduleSize
	size := memmap + len(s.Memory)*rangeSize
	if size > mem.PVHStartInfoSize {
		return nil, fmt.Errorf("%d bytes with a memory map of %d entries: the room is %d bytes", size, len(s.Memory), mem.PVHStartInfoSize)
	}
	b := make([]byte, size)
	le := binary.LittleEndian
	le.PutUint32(b[offMagic:], startMagic)
	le.PutUint32(b[offVersion:], startVersion)
	if modules > 0 {
		le.PutUint32(b[offModules:], uint32(modules))
		le.PutUint64(b[offModlist:], uint64(mem.PVHStartInfo)+uint64(modlist))
		le.PutUint64(b[modlist+offModuleAddr:], uint64(s.Initrd))
		le.PutUint64(b[modlist+offModuleSize:], s.InitrdSize)
	}
	le.PutUint64(b[offCmdline:], uint64(s.CommandLine))
	le.PutUint64(b[offRSDP:], uint64(s.RSDP))
	le.PutUint64(b[offMemmap:], uint64(mem.PVHStartInfo)+uint64(memmap))
	le.PutUint32(b[offMapEntries:], uint32(len(s.Memory)))
	for i, r := range s.Memory {
		e := b[memmap+i*rangeSize:]
		le.PutUint64(e[offRangeAddr:], uint64(r.Addr))
		le.PutUint64(e[offRangeSize:], r.Size)
		le.PutUint32(e[offRangeKind:], r.Kind)
	}
	return b, nil
}
