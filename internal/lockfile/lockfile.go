// Package lockfile is flock(2) on a file that is there for nothing else. The
// lock ends with the process that holds it, however that ends.
package lockfile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// ErrHeld says that somebody else holds the lock.
var ErrHeld = errors.New("in use by another process")

// How long a waiting Acquire sleeps between tries: flock(2) has no deadline.
const (
	firstPause = time.Millisecond
	lastPause  = 20 * time.Millisecond
)

// Lock is a lock that is held.
type Lock struct{ f *os.File }

// Try takes the lock at path, or says that it is held: [ErrHeld]. The file is
// made where it is not there, and never removed.
func Try(path string) (*Lock, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock %q: %w", path, err)
	}
	for {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err == nil {
		return &Lock{f}, nil
	}
	_ = f.Close()
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = ErrHeld
	}
	return nil, fmt.Errorf("lock %q: %w", path, err)
}

// Acquire is Try that waits for others, until ctx ends. It is for locks that are
// held for moments.
func Acquire(ctx context.Context, path string) (*Lock, error) {
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		l, err := Try(path)
		if !errors.Is(err, ErrHeld) {
			return l, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", err, context.Cause(ctx))
		case <-time.After(pause):
		}
	}
}

// Release gives the lock back.
func (l *Lock) Release() error { return l.f.Close() }
