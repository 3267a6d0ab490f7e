package unixsock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/devices/virtio/vsock"
)

// What a listener that is slow to accept gets: connections wait for it, few at a
// time, since each holds a thread.
const (
	busyTries   = 10
	busyTry     = time.Second
	busyThreads = 16
)

// Dialer is the host's side for connections of the guest.
type Dialer struct {
	path string
	busy chan struct{} // holds one for each connection that waits
}

// NewDialer returns the host for sockets of names path_PORT.
func NewDialer(path string) (*Dialer, error) {
	if err := checkPath(portPath(path, 1<<32-1)); err != nil {
		return nil, err
	}
	return &Dialer{path: path, busy: make(chan struct{}, busyThreads)}, nil
}

func portPath(path string, port uint32) string { return fmt.Sprintf("%s_%d", path, port) }

// Dial implements [vsock.Host].
func (d *Dialer) Dial(ctx context.Context, port uint32) (vsock.Socket, error) {
	path := portPath(d.path, port)
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("socket %q: connect: %w", path, err)
	}
	err = connect(fd, path)
	if err == unix.EAGAIN {
		err = d.connectBusy(ctx, fd, path)
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("socket %q: connect: %w", path, err)
	}
	return os.NewFile(uintptr(fd), path), nil
}

func connect(fd int, path string) error {
	for {
		err := unix.Connect(fd, &unix.SockaddrUnix{Name: path})
		if err != unix.EINTR {
			return err
		}
	}
}

// connectBusy waits for a listener whose queue is full. Only a connect that blocks
// is told when there is room.
func (d *Dialer) connectBusy(ctx context.Context, fd int, path string) error {
	select {
	case d.busy <- struct{}{}:
		defer func() { <-d.busy }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	limit := unix.NsecToTimeval(int64(busyTry))
	err := errors.Join(
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &limit),
		unix.SetNonblock(fd, false),
	)
	if err != nil {
		return err
	}
	for range busyTries {
		if err = connect(fd, path); err != unix.EAGAIN {
			break
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	if err != nil {
		return err
	}
	return unix.SetNonblock(fd, true)
}
