package follow

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// newSuffix is behind the name of the file that becomes the current one. It is no
// number, so that no reader takes it for part of the log.
const newSuffix = ".new"

// Create opens the file at path for appending and reading, and makes it where it
// is not there.
func Create(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o600)
}

// Rotate gives every file of the log at path its next name, drops the oldest so
// that there are at most files of them, and opens a new one. Where the new one
// cannot be made, all is as it was. Only one may rotate at a time.
func Rotate(path string, files int) (*os.File, error) {
	f, err := freshFile(path + newSuffix)
	if err != nil {
		return nil, fmt.Errorf("log %q: begin a new file: %w", path, err)
	}
	if err := shift(path, files); err != nil {
		return nil, errors.Join(fmt.Errorf("log %q: rotate: %w", path, err), f.Close(), os.Remove(path+newSuffix))
	}
	if err := os.Rename(path+newSuffix, path); err != nil {
		return nil, errors.Join(fmt.Errorf("log %q: put a new file in place: %w", path, err), f.Close())
	}
	return f, nil
}

// freshFile makes an empty file, in place of one that somebody left behind.
func freshFile(path string) (*os.File, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	return os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR|os.O_APPEND, 0o600)
}

// shift makes the name path free.
func shift(path string, files int) error {
	if files <= 1 {
		return os.Remove(path)
	}
	for n := files - 1; n > 0; n-- {
		// The last rename is onto the oldest file, and removes it.
		err := os.Rename(Rotated(path, n-1), Rotated(path, n))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// Prune removes the oldest files of the log at path, so that there are at most
// files of them.
func Prune(path string, files int) error {
	list, err := members(path)
	if err != nil {
		return err
	}
	dir, base := filepath.Split(path)
	for _, m := range list {
		if n, ok := numberIn(base, m.name); ok && n >= files && n > 0 {
			if err := os.Remove(filepath.Join(dir, m.name)); err != nil && !errors.Is(err, os.ErrNotExist) {
				return fmt.Errorf("log %q: prune: %w", path, err)
			}
		}
	}
	return nil
}
