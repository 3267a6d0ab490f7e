package httpapi

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// frameType is the first byte of a frame on an upgraded connection (docs/api.md).
type frameType byte

// The frames there are.
const (
	frameStdin  frameType = 0 // from the client; empty: nothing more comes
	frameStdout frameType = 1 // from the server; empty: it is still there
	frameStderr frameType = 2 // from the server
	frameResize frameType = 3 // from the client: rows and columns, 16 bits each
	frameExit   frameType = 4 // from the server, the last: JSON
	frameSignal frameType = 5 // from the client: the signal's number, one byte
)

// Sizes of frames, in bytes.
const (
	frameHeader  = 5 // the type, and the length of what follows in 32 bits, big-endian
	framePayload = 64 << 10
)

// errFrame is a peer's mistake.
var errFrame = errors.New("malformed frame")

// appendFrame appends a frame, whose payload is not longer than framePayload.
func appendFrame(b []byte, t frameType, payload []byte) []byte {
	b = append(b, byte(t))
	b = binary.BigEndian.AppendUint32(b, uint32(len(payload)))
	return append(b, payload...)
}

// frameReader takes frames off a connection.
type frameReader struct {
	r      io.Reader
	header [frameHeader]byte
	buffer []byte
}

// next is the next frame; its payload is the caller's until the one after it. The
// error is io.EOF between two frames.
func (f *frameReader) next() (frameType, []byte, error) {
	if _, err := io.ReadFull(f.r, f.header[:]); err != nil {
		return 0, nil, err
	}
	t, length := frameType(f.header[0]), binary.BigEndian.Uint32(f.header[1:])
	if length > framePayload {
		return 0, nil, fmt.Errorf("%w: %d bytes, at most %d", errFrame, length, framePayload)
	}
	if cap(f.buffer) < int(length) {
		f.buffer = make([]byte, length)
	}
	payload := f.buffer[:length]
	if _, err := io.ReadFull(f.r, payload); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return 0, nil, err
	}
	return t, payload, nil
}
