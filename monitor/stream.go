package monitor

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/migrate/wire"
)

// stream is a stream socket of any family that was handed over. Package net would set
// options of one, which the jail does not allow: whoever made it has set them.
type stream struct {
	*os.File
	raw syscall.RawConn
}

var (
	_ net.Conn      = (*stream)(nil)
	_ wire.Vectored = (*stream)(nil)
)

// newStream makes a stream of a descriptor, which stays the caller's.
func newStream(f *os.File) (*stream, error) {
	s, err := duplicate(f)
	if err != nil {
		return nil, fmt.Errorf("connection: %w", err)
	}
	return s, nil
}

func duplicate(f *os.File) (*stream, error) {
	conn, err := f.SyscallConn()
	if err != nil {
		return nil, err
	}
	fd, failed := -1, error(nil)
	err = conn.Control(func(given uintptr) {
		kind, err := unix.GetsockoptInt(int(given), unix.SOL_SOCKET, unix.SO_TYPE)
		switch {
		case err != nil:
			failed = fmt.Errorf("not a socket: %w", err)
			return
		case kind != unix.SOCK_STREAM:
			failed = errors.New("not a stream socket")
			return
		}
		fd, failed = unix.FcntlInt(given, unix.F_DUPFD_CLOEXEC, 0)
	})
	if err == nil && failed == nil {
		failed = unix.SetNonblock(fd, true) // so that the runtime's poller waits for it
	}
	if err := errors.Join(err, failed); err != nil {
		if fd >= 0 {
			_ = unix.Close(fd)
		}
		return nil, err
	}
	s := &stream{File: os.NewFile(uintptr(fd), "connection")}
	if s.raw, err = s.SyscallConn(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// newStreams makes streams of descriptors, which stay the caller's.
func newStreams(files []*os.File) ([]net.Conn, error) {
	var list []net.Conn
	for i, f := range files {
		s, err := newStream(f)
		if err != nil {
			closeStreams(list)
			return nil, fmt.Errorf("descriptor %d: %w", i, err)
		}
		list = append(list, s)
	}
	return list, nil
}

func closeStreams(list []net.Conn) {
	for _, c := range list {
		_ = c.Close() // nothing was promised of what is on its way
	}
}

// maxVectors is how many slices one call takes (UIO_MAXIOV).
const maxVectors = 1024

// WriteVector implements [wire.Vectored]: one call, and another where the socket does
// not take all.
func (s *stream) WriteVector(b *net.Buffers) (total int64, err error) {
	for len(*b) > 0 && err == nil {
		var n int
		n, err = s.writev(*b)
		total += int64(n)
		consume(b, n)
	}
	return total, err
}

// consume drops the first n bytes, and slices that are empty.
func consume(b *net.Buffers, n int) {
	for len(*b) > 0 && n >= len((*b)[0]) {
		n -= len((*b)[0])
		*b = (*b)[1:]
	}
	if n > 0 {
		(*b)[0] = (*b)[0][n:]
	}
}

func (s *stream) writev(slices [][]byte) (n int, err error) {
	waited := s.raw.Write(func(fd uintptr) bool {
		for {
			if n, err = unix.Writev(int(fd), slices[:min(len(slices), maxVectors)]); err != unix.EINTR {
				return err != unix.EAGAIN
			}
		}
	})
	n = max(n, 0)
	switch {
	case errors.Is(waited, os.ErrDeadlineExceeded):
		return n, waited
	case waited != nil: // package os has no name for it
		return n, os.ErrClosed
	}
	return n, err
}

// LocalAddr implements [net.Conn].
func (*stream) LocalAddr() net.Addr { return handedOver{} }

// RemoteAddr implements [net.Conn].
func (*stream) RemoteAddr() net.Addr { return handedOver{} }

// handedOver is the address of either end: where that is was never asked.
type handedOver struct{}

func (handedOver) Network() string { return "stream" }
func (handedOver) String() string  { return "handed over" }
