package mem

import (
	"sync/atomic"
	"unsafe"
)

// word16 points at the 16-bit word at offset off. Guest.word holds that off is
// even and below r.size, which is even: the word lies in the mapping.
func (r *region) word16(off uint64) *uint16 {
	return (*uint16)(unsafe.Add(r.host.p, off))
}

// word32 points at the 32-bit word at offset off. Guest.word holds that off is
// a multiple of 4 and below r.size, which is too: the word lies in the mapping.
func (r *region) word32(off uint64) *uint32 {
	return (*uint32)(unsafe.Add(r.host.p, off))
}

func load32(p *uint32) uint32     { return atomic.LoadUint32(p) }
func store32(p *uint32, v uint32) { atomic.StoreUint32(p, v) }

// load16 and store16 are what sync/atomic lacks. They are in assembly, since
// the compiler may neither split such an access nor move others across it.

//go:noescape
func load16(p *uint16) uint16

//go:noescape
func store16(p *uint16, v uint16)
