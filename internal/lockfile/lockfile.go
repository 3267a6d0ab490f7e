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
func Try(path string) (*Lock, error) { return try(path, unix.LOCK_EX) }

// TryShared is Try of a lock that others who share it may hold as well.
func TryShared(path string) (*Lock, error) { return try(path, unix.LOCK_SH) }

func try(path string, how int) (*Lock, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock %q: %w", path, err)
	}
	for {
		err = unix.Flock(int(f.Fd()), how|unix.LOCK_NB)
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
func Acquire(ctx context.Context, path string) (*Lock, error) { return acquire(ctx, path, Try) }

// AcquireShared is TryShared that waits for who holds the lock alone, as Acquire
// does.
func AcquireShared(ctx context.Context, path string) (*Lock, error) {
	return acquire(ctx, path, TryShared)
}

func acquire(ctx context.Context, path string, try func(string) (*Lock, error)) (*Lock, error) {
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		l, err := try(path)
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

// IsAt reports whether the file that is locked is the one at path: it may have been
// removed or renamed, with its folder, before the lock was taken.
func (l *Lock) IsAt(path string) bool {
	mine, err := l.f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Lstat(path)
	return err == nil && os.SameFile(mine, there)
}

// Release gives the lock back.
func (l *Lock) Release() error { return l.f.Close() }
