package vsock

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Socket is a connected stream socket that a guest's stream is joined to, such as
// a *net.UnixConn. Whom it is handed to owns it.
type Socket interface {
	io.Closer
	syscall.Conn
}

// takeSocket makes a descriptor of s, which it closes. The descriptor does not
// block.
func takeSocket(s Socket) (int, error) {
	defer s.Close() // the connection lives on in the descriptor
	raw, err := s.SyscallConn()
	if err != nil {
		return -1, fmt.Errorf("take socket: %w", err)
	}
	fd := -1
	control := func(p uintptr) { fd, err = unix.FcntlInt(p, unix.F_DUPFD_CLOEXEC, 0) }
	if controlErr := raw.Control(control); controlErr != nil {
		err = controlErr
	}
	if err != nil {
		return -1, fmt.Errorf("take socket: %w", err)
	}
	if err := prepare(fd); err != nil {
		_ = unix.Close(fd)
		return -1, fmt.Errorf("take socket: %w", err)
	}
	return fd, nil
}

func prepare(fd int) error {
	kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil {
		return err
	}
	if kind != unix.SOCK_STREAM {
		return errors.New("it is not of type SOCK_STREAM")
	}
	return unix.SetNonblock(fd, true)
}

// pair returns two sockets that are connected to each other, one as a descriptor
// and one as a net.Conn.
func pair() (int, *net.UnixConn, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, nil, fmt.Errorf("socketpair: %w", err)
	}
	f := os.NewFile(uintptr(fds[1]), "vsock")
	c, err := net.FileConn(f) // with a descriptor of its own
	_ = f.Close()
	if err != nil {
		_ = unix.Close(fds[0])
		return -1, nil, err
	}
	return fds[0], c.(*net.UnixConn), nil
}

// unread is how many bytes can be read from a socket without waiting.
func unread(fd int) int {
	n, err := unix.IoctlGetInt(fd, unix.TIOCINQ)
	if err != nil {
		return 0
	}
	return max(n, 0)
}

// discard drops what can be read from a socket, which the other side can send no
// more to. Closed with something unread, it would tell the other side of an
// error instead of an end.
func discard(fd int) {
	var scratch [16 << 10]byte
	for {
		n, err := unix.Read(fd, scratch[:])
		if n <= 0 && !errors.Is(err, unix.EINTR) {
			return
		}
	}
}
