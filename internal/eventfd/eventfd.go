// Package eventfd is Linux's eventfd(2): a counter that one side adds to and the
// other, often the kernel, waits on.
package eventfd

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sys/unix"
)

// EventFD is an eventfd. It does not block.
type EventFD struct {
	mu sync.RWMutex // held for reading while fd is used
	fd int          // -1 once closed
}

// ErrClosed answers a call to an EventFD that has been closed.
var ErrClosed = errors.New("eventfd is closed")

// New makes an eventfd whose counter is 0.
func New() (*EventFD, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("eventfd: create: %w", err)
	}
	return &EventFD{fd: fd}, nil
}

// FD is the descriptor, for handing to the kernel; -1 once closed.
func (e *EventFD) FD() int {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.fd
}

// Signal adds 1. A counter that is full has been signalled already, which is as
// good.
func (e *EventFD) Signal() error {
	e.mu.RLock()
	defer e.mu.RUnlock()
	if e.fd < 0 {
		return ErrClosed
	}
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	for {
		_, err := unix.Write(e.fd, one[:])
		switch {
		case err == nil, errors.Is(err, unix.EAGAIN):
			return nil
		case errors.Is(err, unix.EINTR):
		default:
			return fmt.Errorf("eventfd: write: %w", err)
		}
	}
}

// Take returns the counter and sets it to 0. It is 0 where nothing was signalled.
func (e *EventFD) Take() (uint64, error) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	if e.fd < 0 {
		return 0, ErrClosed
	}
	var n [8]byte
	for {
		_, err := unix.Read(e.fd, n[:])
		switch {
		case err == nil:
			return binary.NativeEndian.Uint64(n[:]), nil
		case errors.Is(err, unix.EAGAIN):
			return 0, nil
		case errors.Is(err, unix.EINTR):
		default:
			return 0, fmt.Errorf("eventfd: read: %w", err)
		}
	}
}

// Close closes the descriptor. Closing twice does nothing more.
func (e *EventFD) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.fd < 0 {
		return nil
	}
	fd := e.fd
	e.fd = -1
	if err := unix.Close(fd); err != nil {
		return fmt.Errorf("eventfd: close: %w", err)
	}
	return nil
}

// Pending reports whether the counter is not 0, and leaves it as it is.
func (e *EventFD) Pending() (bool, error) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	if e.fd < 0 {
		return false, ErrClosed
	}
	p := []unix.PollFd{{Fd: int32(e.fd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(p, 0)
		switch {
		case err == nil:
			return n > 0, nil
		case !errors.Is(err, unix.EINTR):
			return false, fmt.Errorf("eventfd: poll: %w", err)
		}
	}
}
