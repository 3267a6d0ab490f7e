package fswire

import (
	"encoding/binary"
	"fmt"
)

// HeaderSize is the size of a request's and of a reply's header, in bytes.
const HeaderSize = 16

// Request is what stands before a request.
type Request struct {
	Length   uint32 // bytes that follow
	Capacity uint32 // bytes that the reply may have; 0 for no reply
	ID       uint64
}

// Reply is what stands before a reply.
type Reply struct {
	ID     uint64
	Length uint32 // bytes that follow
}

// Put writes the header to b.
func (r Request) Put(b *[HeaderSize]byte) {
	binary.LittleEndian.PutUint32(b[0:], r.Length)
	binary.LittleEndian.PutUint32(b[4:], r.Capacity)
	binary.LittleEndian.PutUint64(b[8:], r.ID)
}

// Put writes the header to b.
func (r Reply) Put(b *[HeaderSize]byte) {
	binary.LittleEndian.PutUint64(b[0:], r.ID)
	binary.LittleEndian.PutUint32(b[8:], r.Length)
	binary.LittleEndian.PutUint32(b[12:], 0)
}

// ParseRequest reads a request's header and checks it against the limits of the
// hello.
func ParseRequest(b *[HeaderSize]byte, maxRequest, maxReply uint32) (Request, error) {
	r := Request{
		Length:   binary.LittleEndian.Uint32(b[0:]),
		Capacity: binary.LittleEndian.Uint32(b[4:]),
		ID:       binary.LittleEndian.Uint64(b[8:]),
	}
	if r.Length < MinRequest || r.Length > maxRequest {
		return r, fmt.Errorf("request of %d bytes: want %d to %d", r.Length, MinRequest, maxRequest)
	}
	if r.Capacity != 0 && r.Capacity < MinReply || r.Capacity > maxReply {
		return r, fmt.Errorf("request with room for %d bytes: want none or %d to %d", r.Capacity, MinReply, maxReply)
	}
	return r, nil
}

// ParseReply reads a reply's header. Its id and whether its length is within the
// request's capacity are for the caller to judge.
func ParseReply(b *[HeaderSize]byte) (Reply, error) {
	r := Reply{ID: binary.LittleEndian.Uint64(b[0:]), Length: binary.LittleEndian.Uint32(b[8:])}
	if zero := binary.LittleEndian.Uint32(b[12:]); zero != 0 {
		return r, fmt.Errorf("reply %d: header ends in %#x: want 0", r.ID, zero)
	}
	if r.Length < MinReply || r.Length > MaxReply {
		return r, fmt.Errorf("reply of %d bytes: want %d to %d", r.Length, MinReply, MaxReply)
	}
	return r, nil
}
