package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hullvm/hull/internal/durable"
	"github.com/hullvm/hull/manager/instance"
)

// Errors that callers tell apart.
var (
	ErrNotFound  = errors.New("no such instance")
	ErrNameTaken = errors.New("the name is taken")
	ErrExists    = errors.New("there is one of this id")
	ErrCorrupt   = errors.New("cannot be read")
)

// Store is a directory of instances. Its methods may be used from any goroutine,
// and any number of processes may use one directory.
type Store struct{ dir string }

// newPrefix begins the name of an instance's directory while it is made.
const newPrefix = "new-"

// Open makes the directory, with mode 0700, where it is missing, and finishes
// what a killed process was deleting.
func Open(dir string) (*Store, error) {
	s := &Store{dir: dir}
	for _, d := range []string{s.instances(), s.names(), s.removing()} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return nil, fmt.Errorf("instances: make folder: %w", err)
		}
	}
	return s, s.sweep()
}

func (s *Store) instances() string { return filepath.Join(s.dir, "instances") }
func (s *Store) names() string     { return filepath.Join(s.dir, "names") }
func (s *Store) removing() string  { return filepath.Join(s.dir, "removing") }

// Dir is the directory of an instance.
func (s *Store) Dir(id string) string { return filepath.Join(s.instances(), id) }

// IDs lists all instances, in no order that means anything.
func (s *Store) IDs() ([]string, error) {
	d, err := os.Open(s.instances())
	if err != nil {
		return nil, fmt.Errorf("instances: list: %w", err)
	}
	defer d.Close()
	all, err := d.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("instances: list: %w", err)
	}
	// What is being made has a name that is no id.
	return slices.DeleteFunc(all, func(n string) bool { return !instance.IsID(n) }), nil
}

// Exists reports whether there is an instance of that id.
func (s *Store) Exists(id string) bool {
	_, err := os.Lstat(s.Dir(id))
	return err == nil
}

// Remove deletes an instance, whether its files can be read or not. The caller
// holds its lock.
func (s *Store) Remove(id string) error {
	name := ""
	if d, err := s.Description(id); err == nil && !fileExists(filepath.Join(s.Dir(id), renamingFile)) {
		name = d.Name
	}
	gone := filepath.Join(s.removing(), id)
	if err := os.Rename(s.Dir(id), gone); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("instance %s: %w", instance.ShortID(id), ErrNotFound)
		}
		return fmt.Errorf("instance %s: remove: %w", instance.ShortID(id), err)
	}
	// From here on it is gone for everybody; what fails now, the next Open does.
	err := errors.Join(durable.SyncDir(s.instances()), durable.SyncDir(s.removing()), s.freeName(name, id))
	if e := os.RemoveAll(gone); e != nil {
		err = errors.Join(err, fmt.Errorf("instance %s: remove its files: %w", instance.ShortID(id), e))
	}
	return err
}

// sweep deletes what was being deleted, and what was being made, by processes
// that were killed, with the names that those had.
func (s *Store) sweep() error {
	if list, err := s.remains(); err != nil || len(list) == 0 {
		return err
	}
	// Whoever makes an instance holds this lock: what is made now is nobody's.
	// Somebody may be deleting what is deleted here: what is gone is no failure.
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // no waiting: whoever holds it may be making what is there, and may be stopped
	unlock, err := s.lockNamesUntil(ctx)
	if errors.Is(err, context.Canceled) {
		return nil // the next Open does it
	}
	if err != nil {
		return err
	}
	defer unlock()
	list, err := s.remains()
	for _, path := range list {
		id := strings.TrimPrefix(filepath.Base(path), newPrefix)
		err = errors.Join(err, s.freeNamesOf(id), os.RemoveAll(path))
	}
	return err
}

// remains lists the directories of instances that are being made or deleted.
func (s *Store) remains() ([]string, error) {
	made, err := filepath.Glob(filepath.Join(s.instances(), newPrefix+"*"))
	if err != nil {
		return nil, fmt.Errorf("instances: %w", err)
	}
	deleted, err := filepath.Glob(filepath.Join(s.removing(), "*"))
	if err != nil {
		return nil, fmt.Errorf("instances: %w", err)
	}
	return append(made, deleted...), nil
}
