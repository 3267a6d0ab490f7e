package transport

import (
	"errors"
	"net"
	"time"

	"github.com/hullvm/hull/migrate/wire"
)

// Conn is a connection on which both sides have begun with the preamble. Whoever goes on
// without Wire, as with one for memory, does so with a wire.Conn of its own over
// Stream: nothing was read ahead.
type Conn struct {
	Stream net.Conn   // TLS, TCP or unix
	Wire   *wire.Conn // over Stream
	stream *stream    // what Wire reads and writes
}

func newConn(c net.Conn) *Conn {
	s := &stream{conn: c}
	return &Conn{Stream: c, Wire: wire.New(s), stream: s}
}

// Close ends the connection at once. Once it is closed nothing happens.
func (c *Conn) Close() error {
	if err := closeNow(c.Stream); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// finish tells the other side that nothing more comes. It reports whether the stream
// can do that.
func (c *Conn) finish() bool {
	half, ok := c.Stream.(interface{ CloseWrite() error })
	return ok && half.CloseWrite() == nil
}

// Peer is the other side's address.
func (c *Conn) Peer() net.Addr { return c.Stream.RemoteAddr() }

// stream lets a Control watch over reads and writes. It is set before anybody uses it
// from another goroutine.
type stream struct {
	conn  net.Conn
	watch *watch // nil for nobody
}

// writePart is what is written under one deadline, in bytes, so that a slow link is
// not taken for a dead one.
const writePart = 64 << 10

func (s *stream) Read(p []byte) (int, error) {
	if s.watch == nil {
		return s.conn.Read(p)
	}
	return s.watch.read(s.conn, p)
}

func (s *stream) Write(p []byte) (n int, err error) {
	if s.watch == nil {
		return s.conn.Write(p)
	}
	for {
		m, err := s.watch.write(s.conn, p[n:min(n+writePart, len(p))])
		if n += m; err != nil || n == len(p) {
			return n, err
		}
	}
}

// past is a deadline that interrupts at once.
var past = time.Unix(1, 0)
