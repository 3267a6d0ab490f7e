package virtq

import (
	"encoding/binary"

	"github.com/hullvm/hull/mem"
)

// descriptorSize is what a descriptor takes, in either format, in bytes.
const descriptorSize = 16

// Flags of descriptors (sections 2.7.5 and 2.8.1). The last two are a packed
// ring's only.
const (
	descNext     = 1 << 0
	descWrite    = 1 << 1
	descIndirect = 1 << 2
	descAvail    = 1 << 7
	descUsed     = 1 << 15
)

// maxChain is the most descriptors a chain may have. The specification bounds a
// chain by the queue's size; drivers go beyond it with indirect tables.
const maxChain = 1024

// builder gathers a chain's descriptors and checks them.
type builder struct {
	chain  *Chain
	count  int
	length uint64
}

// add takes one descriptor's buffer.
func (b *builder) add(addr uint64, length uint32, write bool) error {
	if b.count++; b.count > maxChain {
		return brokenf("chain of more than %d descriptors", maxChain)
	}
	if b.length += uint64(length); b.length > 1<<32 {
		return brokenf("chain of more than 4 GiB")
	}
	if !write && len(b.chain.Writable) > 0 {
		return brokenf("chain with a readable descriptor behind a writable one")
	}
	if length == 0 {
		return nil
	}
	if addr+uint64(length) < addr {
		return brokenf("descriptor of %d bytes at %#x: beyond the last address", length, addr)
	}
	r := mem.Range{Addr: mem.Addr(addr), Len: length}
	if write {
		b.chain.Writable = append(b.chain.Writable, r)
	} else {
		b.chain.Readable = append(b.chain.Readable, r)
	}
	return nil
}

// splitDescriptor is struct virtq_desc (section 2.7.5).
type splitDescriptor struct {
	addr   uint64
	length uint32
	flags  uint16
	next   uint16
}

func splitOf(b *[descriptorSize]byte) splitDescriptor {
	return splitDescriptor{
		addr:   binary.LittleEndian.Uint64(b[0:]),
		length: binary.LittleEndian.Uint32(b[8:]),
		flags:  binary.LittleEndian.Uint16(b[12:]),
		next:   binary.LittleEndian.Uint16(b[14:]),
	}
}

// packedDescriptor is struct pvirtq_desc (section 2.8.13).
type packedDescriptor struct {
	addr   uint64
	length uint32
	id     uint16
	flags  uint16
}

func packedOf(b *[descriptorSize]byte) packedDescriptor {
	return packedDescriptor{
		addr:   binary.LittleEndian.Uint64(b[0:]),
		length: binary.LittleEndian.Uint32(b[packedLen:]),
		id:     binary.LittleEndian.Uint16(b[packedID:]),
		flags:  binary.LittleEndian.Uint16(b[packedFlags:]),
	}
}
