package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/internal/durable"
	"github.com/hullvm/hull/internal/lockfile"
	"github.com/hullvm/hull/snapshot"
)

// Remove removes the snapshot of a name, whether it can be used or not. The error is
// ErrNotFound, ErrInUse while it is open, or ErrHasChildren while other snapshots lie
// over it. Machines that were restored from it are not using it in that sense: they
// have its memory mapped, and go on.
func (s *Store) Remove(name string) error {
	if err := snapshot.CheckName(name); err != nil {
		return fmt.Errorf("snapshot: %w: %w", err, ErrNotFound)
	}
	gone, err := s.take(name)
	if err == nil {
		// From here on it is gone for everybody; what fails now, the next Open does.
		err = os.RemoveAll(gone)
	}
	if err != nil {
		return problem(name, err)
	}
	return nil
}

// take gives a snapshot a name that is none, and returns where it is then.
func (s *Store) take(name string) (string, error) {
	path := s.path(name, snapshot.LockFile)
	lock, err := lockfile.Try(path)
	if errors.Is(err, lockfile.ErrHeld) {
		return "", ErrInUse
	}
	if errors.Is(err, fs.ErrNotExist) {
		return "", ErrNotFound
	}
	if err != nil {
		return "", err
	}
	defer func() { _ = lock.Release() }()
	if !lock.IsAt(path) {
		return "", ErrNotFound
	}
	if err := s.childless(name); err != nil {
		return "", err
	}
	gone, err := os.MkdirTemp(s.dir, removedPrefix+name+"-*")
	if err != nil {
		return "", err
	}
	// A directory may be renamed to one that is empty, which os.Rename refuses.
	if err := unix.Rename(s.path(name), gone); err != nil {
		return "", errors.Join(fmt.Errorf("take its name away: %w", err), os.Remove(gone))
	}
	return gone, durable.SyncDir(s.dir)
}

// childless says which snapshots lie over that of a name, with ErrHasChildren. Who
// takes such a one has this one open.
func (s *Store) childless(name string) error {
	names, err := s.Names()
	if err != nil {
		return err
	}
	for _, other := range names {
		// One that is broken is in nobody's way.
		if m, _, err := readManifest(s.path(other), other); err == nil && m.Parent != nil && m.Parent.Name == name {
			return fmt.Errorf("%w: %q", ErrHasChildren, other)
		}
	}
	return nil
}
