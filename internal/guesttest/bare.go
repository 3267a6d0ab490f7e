package guesttest

import (
	"bytes"
	"encoding/binary"
)

// BareKernel wraps code in the ELF file of a kernel that is loaded at 1 MiB and
// has room behind it.
func BareKernel(code []byte) []byte {
	const header, program, load = 64, 56, 0x100000
	var b bytes.Buffer
	w := func(v any) { _ = binary.Write(&b, binary.LittleEndian, v) }
	b.WriteString("\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	w([]uint16{2, 62}) // ET_EXEC, x86-64
	w(uint32(1))
	w([]uint64{load, header, 0})
	w(uint32(0))
	w([]uint16{header, program, 1, 0, 0, 0})
	w([]uint32{1, 7}) // PT_LOAD, rwx
	w([]uint64{header + program, load, load, uint64(len(code)), max(uint64(len(code)), 1<<20), 4096})
	b.Write(code)
	return b.Bytes()
}
