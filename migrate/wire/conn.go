package wire

import (
	"io"
	"net"
	"sync"
)

// Conn is one connection. Write and WriteMessage may be called by several at once, and
// beside Read; Greet and Read are for one at a time. Deadlines and closing are the
// stream's own.
type Conn struct {
	stream io.ReadWriter
	in     reader
	out    writer
}

// reader is owned by whoever reads.
type reader struct {
	number uint64 // of the next frame
	head   [HeaderSize]byte
	buf    []byte // the payload; kept from frame to frame
	failed error  // what ended reading
}

// writer is one frame's at a time.
type writer struct {
	mu     sync.Mutex // before what is below
	number uint64     // of the next frame
	head   [HeaderSize]byte
	joined [joinBelow]byte
	slices [][]byte    // for bufs, kept from frame to frame
	bufs   net.Buffers // of the frame that is being sent
	failed error       // what ended writing
}

// New speaks the protocol on a stream. It reads no byte beyond the frame that was asked
// for, so that the stream may be handed on between two frames.
func New(stream io.ReadWriter) *Conn { return &Conn{stream: stream} }
