package wire

import (
	"fmt"
	"hash/crc32"
	"net"
)

// joinBelow is the size of frames that are copied together, header and all, so that
// they are one write on every stream. Larger ones are one writev where the stream
// is a socket.
const joinBelow = 4 << 10

// Write sends one frame whose payload is these slices, one after the other. They are
// not copied, and are read more than once: nobody may change them before Write returns.
// What is no frame is an error that leaves the connection as it was; after
// any other it can not be written to.
func (c *Conn) Write(t Type, payload ...[]byte) error {
	k := t.kind()
	if k == nil {
		return fmt.Errorf("write frame: %w: %#x", ErrUnknownType, uint16(t))
	}
	length, sum := uint64(0), uint32(0)
	for _, p := range payload {
		length += uint64(len(p))
		sum = crc32.Update(sum, castagnoli, p)
	}
	if err := checkLength(length, k.least, k.most); err != nil {
		return fmt.Errorf("write frame (%v): %w", t, err)
	}
	h := header{kind: t, length: uint32(length), sum: sum}

	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	if c.out.failed != nil {
		return c.out.failed
	}
	h.number = c.out.number
	if err := c.send(h, payload); err != nil {
		c.out.failed = fmt.Errorf("write frame %d (%v): %w", h.number, t, err)
		return c.out.failed
	}
	c.out.number++
	return nil
}

// send writes a whole frame. Whoever calls has out.mu.
func (c *Conn) send(h header, payload [][]byte) error {
	w := &c.out
	h.put(&w.head)
	if HeaderSize+int(h.length) <= joinBelow {
		b := append(w.joined[:0], w.head[:]...)
		for _, p := range payload {
			b = append(b, p...)
		}
		_, err := c.stream.Write(b)
		return err
	}
	w.slices = append(append(w.slices[:0], w.head[:]), payload...)
	w.bufs = w.slices
	var err error
	if v, ok := c.stream.(Vectored); ok {
		_, err = v.WriteVector(&w.bufs)
	} else {
		_, err = w.bufs.WriteTo(c.stream)
	}
	clear(w.slices) // the caller's memory is not to be kept
	w.bufs = nil
	return err
}

// Vectored is a stream, not of package net's, that writes slices with one call.
type Vectored interface {
	// WriteVector writes all of the slices, as their WriteTo does.
	WriteVector(*net.Buffers) (int64, error)
}
