package netd

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// errClosed says that the other end of the socket is closed.
var errClosed = errors.New("the device closed the socket")

// frameSocket carries one Ethernet frame in each message.
type frameSocket struct {
	file *os.File
	conn syscall.RawConn
}

// newFrameSocket takes a SOCK_SEQPACKET socket, which is closed.
func newFrameSocket(f *os.File) (*frameSocket, error) {
	defer f.Close()
	kind, err := unix.GetsockoptInt(int(f.Fd()), unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil {
		return nil, err
	}
	if kind != unix.SOCK_SEQPACKET {
		return nil, fmt.Errorf("type %d: want SOCK_SEQPACKET", kind)
	}
	// A file that does not block is waited for together with all others.
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return nil, err
	}
	s := &frameSocket{file: os.NewFile(uintptr(fd), f.Name())}
	if s.conn, err = s.file.SyscallConn(); err != nil {
		s.file.Close()
		return nil, err
	}
	return s, nil
}

// receive calls deliver with each frame, cut to what buf holds, until it returns
// false or there is an error: errClosed, or os.ErrClosed. The frame is deliver's
// while it runs.
func (s *frameSocket) receive(buf []byte, deliver func(frame []byte) bool) error {
	for {
		var err error
		cerr := s.conn.Read(func(fd uintptr) bool {
			for {
				var n int
				switch n, err = recv(int(fd), buf); {
				case err == unix.EAGAIN:
					return false
				case err != nil:
					return true
				case n == 0:
					// An empty message looks like the end.
					if err = ended(int(fd)); err != nil {
						return true
					}
				case !deliver(buf[:n]):
					err = os.ErrClosed
					return true
				}
			}
		})
		if err == nil {
			err = cerr
		}
		if err != nil {
			return err
		}
	}
}

// recv reads a message.
func recv(fd int, buf []byte) (int, error) {
	for {
		n, _, err := unix.Recvfrom(fd, buf, unix.MSG_DONTWAIT)
		switch err {
		case unix.EINTR:
		case unix.ECONNRESET:
			return 0, errClosed
		default:
			return n, err
		}
	}
}

// ended is errClosed where the other end of a socket is closed.
func ended(fd int) error {
	p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
	if _, err := unix.Poll(p, 0); err != nil && err != unix.EINTR {
		return err
	}
	if p[0].Revents&(unix.POLLRDHUP|unix.POLLHUP|unix.POLLERR) != 0 {
		return errClosed
	}
	return nil
}

// send sends a frame, of pieces, and waits for room. A frame that does not fit
// the socket at all is lost.
func (s *frameSocket) send(frame [][]byte) error {
	var err error
	cerr := s.conn.Write(func(fd uintptr) bool {
		for {
			_, err = unix.SendmsgBuffers(int(fd), frame, nil, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
			if err != unix.EINTR {
				return err != unix.EAGAIN
			}
		}
	})
	switch {
	case cerr != nil:
		return cerr
	case err == unix.EPIPE || err == unix.ECONNRESET:
		return errClosed
	case err == unix.EMSGSIZE || err == unix.ENOBUFS || err == unix.ENOMEM:
		return nil
	}
	return err
}

func (s *frameSocket) close() error { return s.file.Close() }
