package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/hullvm/hull/internal/durable"
	"github.com/hullvm/hull/internal/lockfile"
	"github.com/hullvm/hull/snapshot"
)

// Errors that callers tell apart.
var (
	ErrNotFound    = errors.New("no such snapshot")
	ErrExists      = errors.New("there is one of that name")
	ErrBroken      = errors.New("cannot be used")
	ErrInUse       = errors.New("it is being used")
	ErrHasChildren = errors.New("others lie over it; remove those first")
)

// Store is a directory of snapshots. Its methods may be used from any goroutine, and
// any number of processes may use one directory.
type Store struct{ dir string }

const (
	newPrefix     = durable.TempPrefix
	removedPrefix = ".rm-"
	storeLock     = ".lock"
)

// Open makes the directory, with mode 0700, where it is missing, and removes what
// killed processes have left in it.
func Open(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("snapshots: make folder: %w", err)
	}
	s := &Store{dir: dir}
	return s, s.sweep()
}

func (s *Store) path(name string, file ...string) string {
	return filepath.Join(append([]string{s.dir, name}, file...)...)
}

// lock has this process alone begin snapshots or remove leftovers: for moments.
func (s *Store) lock(ctx context.Context) (*lockfile.Lock, error) {
	l, err := lockfile.Acquire(ctx, s.path(storeLock))
	if err != nil {
		return nil, fmt.Errorf("snapshots: %w", err)
	}
	return l, nil
}

// sweep removes what was being taken or removed by processes that were killed.
func (s *Store) sweep() error {
	list, err := s.leftovers()
	if err != nil || len(list) == 0 {
		return err
	}
	// Between a directory that is made and its lock there is a moment in which it
	// looks like nobody's: whoever is in it holds this lock.
	l, err := lockfile.Try(s.path(storeLock))
	if errors.Is(err, lockfile.ErrHeld) {
		return nil // the next Open does it
	}
	if err != nil {
		return fmt.Errorf("snapshots: %w", err)
	}
	list, err = s.leftovers()
	for _, name := range list {
		err = errors.Join(err, s.removeLeftover(name))
	}
	return errors.Join(err, l.Release())
}

// leftovers are the names of directories that are being made or removed.
func (s *Store) leftovers() ([]string, error) {
	all, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, fmt.Errorf("snapshots: list: %w", err)
	}
	var names []string
	for _, e := range all {
		if e.IsDir() && (strings.HasPrefix(e.Name(), newPrefix) || strings.HasPrefix(e.Name(), removedPrefix)) {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// removeLeftover removes a directory unless somebody is at work in it.
func (s *Store) removeLeftover(name string) error {
	if strings.HasPrefix(name, newPrefix) {
		l, err := lockfile.Try(s.path(name, snapshot.LockFile))
		if errors.Is(err, lockfile.ErrHeld) || errors.Is(err, fs.ErrNotExist) {
			return nil // it has just got its name, or gone
		}
		if err != nil {
			return fmt.Errorf("snapshots: leftover %q: %w", name, err)
		}
		defer func() { _ = l.Release() }()
		if !l.IsAt(s.path(name, snapshot.LockFile)) {
			return nil
		}
	}
	if err := os.RemoveAll(s.path(name)); err != nil {
		return fmt.Errorf("snapshots: remove leftover: %w", err)
	}
	return nil
}

// problem is an error about a snapshot.
func problem(name string, err error) error { return fmt.Errorf("snapshot %q: %w", name, err) }
