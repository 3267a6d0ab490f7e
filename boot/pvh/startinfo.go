package pvh

import (
	"encoding/binary"
	"fmt"
)

const (
	startMagic   = 0x336ec578
	startVersion = 1

	startSize  = 56
	moduleSize = 32
	entrySize  = 24
)

// MapEntry is a piece of the memory map; Kind is as in the e820 map.
type MapEntry struct {
	Addr, Size uint64 // bytes
	Kind       uint32
}

// StartInfo is struct hvm_start_info with what it points to.
type StartInfo struct {
	CmdLine    uint64 // address
	Initrd     uint64 // address; 0 for none
	InitrdSize uint64 // bytes
	RSDP       uint64 // address
	Map        []MapEntry
}

// Encode lays the start info out for the address at, its map and its module
// list behind it, in room bytes.
func (s *StartInfo) Encode(at uint64, room int) ([]byte, error) {
	modules := 0
	if s.Initrd != 0 {
		modules = 1
	}
	mapAt := startSize + modules*moduleSize
	size := mapAt + len(s.Map)*entrySize
	if size > room {
		return nil, fmt.Errorf("start info of %d bytes, at most %d", size, room)
	}
	b := make([]byte, size)
	le := binary.LittleEndian
	le.PutUint32(b[0:], startMagic)
	le.PutUint32(b[4:], startVersion)
	le.PutUint32(b[12:], uint32(modules))
	if modules > 0 {
		le.PutUint64(b[16:], at+startSize)
		le.PutUint64(b[startSize:], s.Initrd)
		le.PutUint64(b[startSize+8:], s.InitrdSize)
	}
	le.PutUint64(b[24:], s.CmdLine)
	le.PutUint64(b[32:], s.RSDP)
	le.PutUint64(b[40:], at+uint64(mapAt))
	le.PutUint32(b[48:], uint32(len(s.Map)))
	for i, e := range s.Map {
		m := b[mapAt+i*entrySize:]
		le.PutUint64(m, e.Addr)
		le.PutUint64(m[8:], e.Size)
		le.PutUint32(m[16:], e.Kind)
	}
	return b, nil
}
