package wire

import (
	"errors"
	"fmt"
	"io"
)

// step is what is taken for a payload before any of it has arrived, in bytes.
const step = 64 << 10

// Frame is one that arrived whole, with both checksums right.
type Frame struct {
	Number  uint64 // on its connection, from 0
	Type    Type
	Payload []byte // valid until the next Read
}

// Read is the next frame of a known type. The end of the stream between two frames is
// io.EOF itself; what the peer did wrong is a *FrameError. After an error there is
// no more than the same again.
func (c *Conn) Read() (Frame, error) {
	for c.in.failed == nil {
		f, err := c.in.read(c.stream)
		if err != nil {
			c.in.failed = err
			break
		}
		if f.Type.kind() != nil {
			return f, nil
		}
	}
	return Frame{}, c.in.failed
}

func (r *reader) read(stream io.Reader) (Frame, error) {
	number := r.number
	if n, err := io.ReadFull(stream, r.head[:]); err != nil {
		if n == 0 && err == io.EOF {
			return Frame{}, io.EOF
		}
		return Frame{}, fmt.Errorf("read frame %d: %w", number, err)
	}
	h, err := parseHeader(&r.head, number)
	if err != nil {
		return Frame{}, err
	}
	payload, err := r.payload(stream, int(h.length))
	if err != nil {
		return Frame{}, fmt.Errorf("read frame %d (%v): %w", number, h.kind, err)
	}
	if checksum(payload) != h.sum {
		return Frame{}, &FrameError{Number: number, Type: h.kind, Err: ErrChecksum}
	}
	r.number++
	return Frame{Number: number, Type: h.kind, Payload: payload}, nil
}

// payload reads n bytes straight to where they stay. Memory is taken for at most as
// many bytes again as have arrived.
func (r *reader) payload(stream io.Reader, n int) ([]byte, error) {
	have := 0
	for {
		if cap(r.buf) == have && have < n {
			grown := make([]byte, min(n, max(step, 2*have)))
			copy(grown, r.buf[:have])
			r.buf = grown
		}
		next := min(n, cap(r.buf))
		m, err := io.ReadFull(stream, r.buf[have:next])
		if have += m; err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		if have == n {
			return r.buf[:n:n], nil
		}
	}
}
