package terminal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Input reads a file descriptor that may block, and can be stopped. It leaves
// the file's own flags alone: they are shared with whoever else holds it.
type Input struct {
	fd   int
	wake int // eventfd

	mu     sync.Mutex
	closed bool
}

// NewInput reads from f, which stays the caller's to close.
func NewInput(f *os.File) (*Input, error) {
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("input %q: eventfd: %w", f.Name(), err)
	}
	return &Input{fd: int(f.Fd()), wake: wake}, nil
}

// Read waits for bytes. It returns io.EOF at the file's end, where the file
// turns out to be closed, and after Stop.
func (i *Input) Read(p []byte) (int, error) { return i.read(p, time.Time{}) }

// read is Read with a deadline, at which it returns os.ErrDeadlineExceeded; zero is
// none.
func (i *Input) read(p []byte, deadline time.Time) (int, error) {
	for {
		fds := []unix.PollFd{
			{Fd: int32(i.fd), Events: unix.POLLIN},
			{Fd: int32(i.wake), Events: unix.POLLIN},
		}
		wait := -1 // for ever
		if !deadline.IsZero() {
			left := time.Until(deadline) + time.Millisecond - 1 // rounded up
			wait = int(max(left, 0) / time.Millisecond)
		}
		n, err := unix.Poll(fds, wait)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return 0, fmt.Errorf("input: poll: %w", err)
		case n == 0:
			return 0, os.ErrDeadlineExceeded
		case fds[1].Revents != 0:
			return 0, io.EOF
		case fds[0].Revents&unix.POLLNVAL != 0:
			return 0, io.EOF
		}
		n, err = unix.Read(i.fd, p)
		switch {
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.EAGAIN):
			continue
		case errors.Is(err, unix.EIO), errors.Is(err, unix.EBADF):
			return 0, io.EOF // the terminal hung up
		case err != nil:
			return 0, fmt.Errorf("input: read: %w", err)
		case n == 0:
			return 0, io.EOF
		}
		return n, nil
	}
}

// Stop makes the Read under way, and every later one, return io.EOF.
func (i *Input) Stop() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if !i.closed {
		_, _ = unix.Write(i.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	}
}

// Close releases what Input made. No Read may be under way.
func (i *Input) Close() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.closed {
		return nil
	}
	i.closed = true
	return unix.Close(i.wake)
}
