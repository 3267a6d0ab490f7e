package unixsock

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// pathLimit is how long the name of a unix socket may be, in bytes: struct
// sockaddr_un has 108 with the end.
const pathLimit = 107

func checkPath(path string) error {
	if path == "" || len(path) > pathLimit {
		return fmt.Errorf("socket %q: a name of %d bytes: want 1 to %d", path, len(path), pathLimit)
	}
	return nil
}

// Listen makes the socket path, for its owner alone. One that is left of a process
// that is no more is replaced; one that somebody listens at is an error. Closing
// the listener removes it.
func Listen(path string) (*net.UnixListener, error) {
	if err := checkPath(path); err != nil {
		return nil, err
	}
	l, err := listen(path)
	if errors.Is(err, syscall.EADDRINUSE) && abandoned(path) {
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("socket %q: replace an abandoned one: %w", path, err)
		}
		l, err = listen(path)
	}
	if err != nil {
		return nil, fmt.Errorf("socket %q: listen: %w", path, err)
	}
	return l, nil
}

func listen(path string) (*net.UnixListener, error) {
	// The mode of the socket before it has a name is that of its name: nobody
	// gets in between.
	c := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) (err error) {
		controlErr := raw.Control(func(fd uintptr) { err = unix.Fchmod(int(fd), 0o600) })
		return errors.Join(controlErr, err)
	}}
	l, err := c.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, err
	}
	return l.(*net.UnixListener), nil
}

// abandoned reports whether path is a socket that nobody listens at.
func abandoned(path string) bool {
	info, err := os.Lstat(path)
	if err != nil || info.Mode().Type() != fs.ModeSocket {
		return false
	}
	c, err := net.Dial("unix", path)
	if err == nil {
		_ = c.Close()
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}

// FromFile is the listener in f, such as one that was handed over by a process
// that may make sockets. It closes f.
func FromFile(f *os.File) (*net.UnixListener, error) {
	defer f.Close()
	l, err := net.FileListener(f)
	if err != nil {
		return nil, fmt.Errorf("descriptor of %q: take over as a listener: %w", f.Name(), err)
	}
	u, ok := l.(*net.UnixListener)
	if !ok || u.Addr().Network() != "unix" || !listens(u) {
		_ = l.Close()
		return nil, fmt.Errorf("descriptor of %q: it is no unix socket of type SOCK_STREAM that listens", f.Name())
	}
	return u, nil
}

func listens(l *net.UnixListener) (yes bool) {
	raw, err := l.SyscallConn()
	if err != nil {
		return false
	}
	_ = raw.Control(func(fd uintptr) {
		n, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
		yes = err == nil && n != 0
	})
	return yes
}
