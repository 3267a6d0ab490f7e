package netd

import (
	"context"
	"io"
	"net"
	"sync"
)

// stream is a connection of which one direction can end.
type stream interface {
	net.Conn
	CloseWrite() error
}

// join passes bytes between two connections until both directions have ended, one
// of the two has failed, or ctx ends. It closes neither.
func join(ctx context.Context, a, b stream, size int) {
	stop := context.AfterFunc(ctx, func() {
		abort(a)
		abort(b)
	})
	defer stop()
	var both sync.WaitGroup
	both.Go(func() { pass(a, b, size) })
	both.Go(func() { pass(b, a, size) })
	both.Wait()
}

// pass copies to the end of from, and ends that direction of to. Where the
// copying fails both are over, and each other end sees a reset.
func pass(to, from stream, size int) {
	err := copyAll(to, from, make([]byte, size))
	if err == nil {
		err = to.CloseWrite()
	}
	if err != nil {
		abort(to)
		abort(from)
	}
}

// copyAll is io.Copy, but for the ways round the buffer that connections have:
// none of them helps here.
func copyAll(to io.Writer, from io.Reader, buf []byte) error {
	for {
		n, err := from.Read(buf)
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				return err
			}
		}
		switch err {
		case nil:
		case io.EOF:
			return nil
		default:
			return err
		}
	}
}

// abort closes a connection so that its other end sees a reset.
func abort(c net.Conn) {
	switch c := c.(type) {
	case *net.TCPConn:
		_ = c.SetLinger(0)
		c.Close()
	case *guestConn:
		c.abort()
	default:
		c.Close()
	}
}
