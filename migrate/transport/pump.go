package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// pumpBuffer is what a pump holds in each direction, in bytes.
const pumpBuffer = 256 << 10

// Plain takes over a connection, and gives a descriptor for it that a process may use that
// speaks no TLS. A TCP or unix connection's is a duplicate of its own, and done is closed
// already. Any other's is one end of a pair of unix sockets, between whose other end
// and the connection all is copied until both directions have ended, one fails, or ctx
// ends: then all is closed, and done has the error, nil for an orderly end. The file is the
// caller's to close.
func Plain(ctx context.Context, conn net.Conn) (f *os.File, done <-chan error, err error) {
	if dup, ok := conn.(interface{ File() (*os.File, error) }); ok {
		f, err := dup.File()
		err = errors.Join(err, conn.Close())
		if err != nil {
			if f != nil {
				f.Close() // the error is known
			}
			return nil, nil, fmt.Errorf("duplicate a connection: %w", err)
		}
		none := make(chan error)
		close(none)
		return f, none, nil
	}
	f, inner, err := pair()
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("sockets for a connection: %w", err), closeNow(conn))
	}
	ended := make(chan error, 1)
	go func() {
		defer close(ended)
		ended <- pump(ctx, conn, inner)
	}()
	return f, ended, nil
}

// pair is two connected sockets: one to give away, and one for here.
func pair() (*os.File, net.Conn, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("socketpair: %w", err)
	}
	away, here := os.NewFile(uintptr(fds[0]), "connection for memory"), os.NewFile(uintptr(fds[1]), "pump")
	conn, err := net.FileConn(here)
	if err = errors.Join(err, here.Close()); err != nil {
		return nil, nil, errors.Join(err, away.Close())
	}
	return away, conn, nil
}

// pump copies both ways until both have ended, and closes both.
func pump(ctx context.Context, a, b net.Conn) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := context.AfterFunc(ctx, func() {
		closeNow(a) // what is copied ends with it; the context has the reason
		closeNow(b)
	})
	var both sync.WaitGroup
	for _, way := range [2][2]net.Conn{{a, b}, {b, a}} {
		both.Go(func() {
			if err := copyHalf(way[1], way[0]); err != nil {
				cancel(err)
			}
		})
	}
	both.Wait()
	if !stop() {
		return context.Cause(ctx)
	}
	closeNow(a) // all of it was sent
	closeNow(b)
	return nil
}

// copyHalf copies until the end, and passes that on.
func copyHalf(to, from net.Conn) error {
	buf := make([]byte, pumpBuffer)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				return fmt.Errorf("pump: write: %w", cause(err))
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("pump: read: %w", cause(err))
		}
	}
	half, ok := to.(interface{ CloseWrite() error })
	if !ok {
		return errors.New("pump: one direction ended, and the other can not go on without it")
	}
	if err := half.CloseWrite(); err != nil && !errors.Is(err, unix.ENOTCONN) {
		return fmt.Errorf("pump: end a direction: %w", err)
	}
	return nil
}

// closeNow closes without waiting for a peer that may take nothing any more, as TLS does
// to say goodbye.
func closeNow(c net.Conn) error {
	if t, ok := c.(*tls.Conn); ok {
		return t.NetConn().Close()
	}
	return c.Close()
}
