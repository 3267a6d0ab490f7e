package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/manager/instance"
)

// Lock has this process alone change an instance, until unlock is called or the
// process ends. It waits for others until ctx ends. The error is ErrNotFound for
// an instance that was removed meanwhile.
func (s *Store) Lock(ctx context.Context, id string) (unlock func(), err error) {
	path := filepath.Join(s.Dir(id), lockFile)
	f, err := openLock(path)
	if errors.Is(err, fs.ErrNotExist) && !s.Exists(id) {
		return nil, fmt.Errorf("instance %s: %w", instance.ShortID(id), ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("instance %s: lock: %w", instance.ShortID(id), err)
	}
	if err := flock(ctx, f); err != nil {
		return nil, errors.Join(fmt.Errorf("instance %s: lock: %w", instance.ShortID(id), err), f.Close())
	}
	// Whoever held it before may have removed the instance.
	if !sameFile(f, path) {
		return nil, errors.Join(fmt.Errorf("instance %s: %w", instance.ShortID(id), ErrNotFound), f.Close())
	}
	return func() { _ = f.Close() }, nil
}

// ErrAlive says that an instance has a supervisor.
var ErrAlive = errors.New("it has a supervisor")

// Claim makes the calling process an instance's supervisor, for as long as the
// file is open. The error is ErrAlive where there is one.
func (s *Store) Claim(id string) (*os.File, error) {
	return claim(id, filepath.Join(s.Dir(id), aliveFile))
}

func claim(id, path string) (*os.File, error) {
	f, err := openLock(path)
	if err != nil {
		return nil, fmt.Errorf("instance %s: %w", instance.ShortID(id), err)
	}
	whole := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart}
	err = unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &whole)
	if err == unix.EAGAIN || err == unix.EACCES {
		err = ErrAlive
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("instance %s: claim: %w", instance.ShortID(id), err), f.Close())
	}
	return f, nil
}

// Alive reports whether an instance has a supervisor. It asks and takes no lock:
// one that is being claimed is not disturbed. An error says that it could not be
// found out, for want of descriptors say, which is no sign of death: who takes an
// instance for lost ends what is left of it.
func (s *Store) Alive(id string) (bool, error) {
	// Reading is enough, and is possible on a disk that lets nobody write.
	f, err := os.OpenFile(filepath.Join(s.Dir(id), aliveFile), os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("instance %s: look for its supervisor: %w", instance.ShortID(id), err)
	}
	defer f.Close()
	whole := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart}
	if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_GETLK, &whole); err != nil {
		return false, fmt.Errorf("instance %s: look for its supervisor: %w", instance.ShortID(id), err)
	}
	return whole.Type != unix.F_UNLCK, nil
}

// openLock opens a lock's file, made where an instance's is missing.
func openLock(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
}

func lockPath(ctx context.Context, path string, flags int) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|flags|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	if err := flock(ctx, f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// lockPause is how long a wait for a lock sleeps; it grows from the first.
const (
	lockPause    = time.Millisecond
	maxLockPause = 50 * time.Millisecond
)

// flock takes a lock. A system call that waits could not be ended with ctx.
func flock(ctx context.Context, f *os.File) error {
	for pause := lockPause; ; pause = min(2*pause, maxLockPause) {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err != unix.EWOULDBLOCK && err != unix.EINTR {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("another command holds it: %w", context.Cause(ctx))
		case <-time.After(pause):
		}
	}
}

func sameFile(f *os.File, path string) bool {
	a, err := f.Stat()
	if err != nil {
		return false
	}
	b, err := os.Lstat(path)
	return err == nil && os.SameFile(a, b)
}
