package events

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/hullvm/hull/internal/follow"
	"github.com/hullvm/hull/internal/lockfile"
)

const (
	maxSize  = 8 << 20 // bytes of a file
	maxFiles = 2

	lockSuffix = ".lock"
	// lockTimeout bounds the wait for others that append. Each holds the lock for
	// one write.
	lockTimeout = 10 * time.Second
)

// Append appends an event to the journal at path, and makes the journal where it
// is not there. An event without a time has that of its entry.
func Append(ctx context.Context, path string, e Event) error {
	return appendTo(ctx, path, e, maxSize)
}

func appendTo(ctx context.Context, path string, e Event, maxSize int64) (err error) {
	ctx, cancel := context.WithTimeout(ctx, lockTimeout)
	defer cancel()
	lock, err := lockfile.Acquire(ctx, path+lockSuffix)
	if err != nil {
		return fmt.Errorf("journal %q: %w", path, err)
	}
	defer func() { err = errors.Join(err, lock.Release()) }()
	if e.Time.IsZero() {
		e.Time = time.Now() // under the lock: the journal is in order
	}
	e.Time = e.Time.UTC()
	line, err := e.encode()
	if err != nil {
		return fmt.Errorf("journal %q: event %.40q: %w", path, e.Action, err)
	}
	return appendLine(path, line, maxSize)
}

// appendLine appends a line to the journal. The lock is held.
func appendLine(path string, line []byte, maxSize int64) error {
	f, err := follow.Create(path)
	if err != nil {
		return fmt.Errorf("journal %q: %w", path, err)
	}
	defer func() { _ = f.Close() }() // every write through it was answered
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("not a regular file")
	}
	if err != nil {
		return fmt.Errorf("journal %q: %w", path, err)
	}
	size, err := follow.Repair(f, info.Size())
	if err != nil {
		return err
	}
	if size > 0 && size+int64(len(line)) > maxSize {
		next, err := follow.Rotate(path, maxFiles)
		if err != nil {
			return err
		}
		_ = f.Close()
		f, size = next, 0
	}
	if _, err := f.Write(line); err != nil {
		return errors.Join(fmt.Errorf("journal %q: %w", path, cause(err)), f.Truncate(size))
	}
	return nil
}

// cause is an error without the name that its file had once.
func cause(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return fmt.Errorf("%s: %w", path.Op, path.Err)
	}
	return err
}
