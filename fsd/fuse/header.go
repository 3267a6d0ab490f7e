package fuse

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// Sizes of the headers, in bytes.
const (
	InHeaderSize  = 40 // struct fuse_in_header
	OutHeaderSize = 16 // struct fuse_out_header
)

// InHeader is what every request begins with (struct fuse_in_header).
type InHeader struct {
	Len      uint32 // bytes of the request, this header included
	Opcode   Opcode
	Unique   uint64 // the request's name
	Node     uint64
	UID, GID uint32 // who asks
	PID      uint32
	ExtLen   uint16 // units of 8 bytes of extensions at the request's end
}

// ParseRequest splits a request. ok is false where it is shorter than a header,
// or says another length than it has; the header is then what could be read.
// Extensions, none of which are negotiated, are cut off.
func ParseRequest(b []byte) (h InHeader, body []byte, ok bool) {
	r := reader{b: b}
	h = InHeader{
		Len: r.u32(), Opcode: Opcode(r.u32()), Unique: r.u64(), Node: r.u64(),
		UID: r.u32(), GID: r.u32(), PID: r.u32(), ExtLen: r.u16(),
	}
	r.skip(2)
	if r.short || uint64(h.Len) != uint64(len(b)) || int(h.ExtLen)*8 > len(r.b) {
		return h, nil, false
	}
	return h, r.b[:len(r.b)-int(h.ExtLen)*8], true
}

// Reply is a reply that is being written.
type Reply struct {
	buf  []byte
	n    int
	full bool
}

// NewReply returns a reply to be written to buf, which has room for a header.
func NewReply(buf []byte) *Reply { return &Reply{buf: buf, n: OutHeaderSize} }

// Room is the memory that is left.
func (r *Reply) Room() []byte { return r.buf[r.n:] }

// Use takes the first n bytes of Room.
func (r *Reply) Use(n int) { r.n += n }

// Fits makes sure that n more bytes fit, or gives the reply up.
func (r *Reply) Fits(n int) bool {
	if n > len(r.buf)-r.n {
		r.full = true
	}
	return !r.full
}

// Finish writes the header and returns the reply's length. An error drops what
// was written; a reply that had no room for itself is EINVAL.
func (r *Reply) Finish(unique uint64, errno unix.Errno) int {
	if r.full && errno == 0 {
		errno = unix.EINVAL
	}
	if errno != 0 {
		r.n = OutHeaderSize
	}
	binary.LittleEndian.PutUint32(r.buf[0:], uint32(r.n))
	binary.LittleEndian.PutUint32(r.buf[4:], uint32(-int32(errno)))
	binary.LittleEndian.PutUint64(r.buf[8:], unique)
	return r.n
}

// U32 appends a number.
func (r *Reply) U32(v uint32) {
	if r.Fits(4) {
		binary.LittleEndian.PutUint32(r.buf[r.n:], v)
		r.n += 4
	}
}

// U64 appends a number.
func (r *Reply) U64(v uint64) {
	if r.Fits(8) {
		binary.LittleEndian.PutUint64(r.buf[r.n:], v)
		r.n += 8
	}
}

// U16 appends a number.
func (r *Reply) U16(v uint16) {
	if r.Fits(2) {
		binary.LittleEndian.PutUint16(r.buf[r.n:], v)
		r.n += 2
	}
}

// Bytes appends p.
func (r *Reply) Bytes(p []byte) {
	if r.Fits(len(p)) {
		r.n += copy(r.buf[r.n:], p)
	}
}

// Zeros appends n zero bytes.
func (r *Reply) Zeros(n int) {
	if r.Fits(n) {
		clear(r.buf[r.n : r.n+n])
		r.n += n
	}
}
