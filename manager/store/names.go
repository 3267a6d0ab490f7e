package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hullvm/hull/internal/durable"
	"github.com/hullvm/hull/manager/instance"
)

func (s *Store) link(name string) string { return filepath.Join(s.names(), name) }

// namesTime is how long others may take to give and take names: it takes them
// moments, unless they are stopped in the middle.
const namesTime = 30 * time.Second

// lockNames has this process alone give and take names.
func (s *Store) lockNames() (unlock func(), err error) {
	ctx, cancel := context.WithTimeout(context.Background(), namesTime)
	defer cancel()
	return s.lockNamesUntil(ctx)
}

func (s *Store) lockNamesUntil(ctx context.Context) (unlock func(), err error) {
	f, err := lockPath(ctx, filepath.Join(s.dir, "names.lock"), os.O_CREATE)
	if err != nil {
		return nil, fmt.Errorf("instances: lock names: %w", err)
	}
	return func() { _ = f.Close() }, nil
}

// Named returns the id of the instance of a name, or ErrNotFound.
func (s *Store) Named(name string) (string, error) {
	notFound := fmt.Errorf("instance %q: %w", name, ErrNotFound)
	if name == "" || strings.HasPrefix(name, ".") || strings.Contains(name, "/") || len(name) > 255 {
		return "", notFound
	}
	id, err := os.Readlink(s.link(name))
	if errors.Is(err, fs.ErrNotExist) || err == nil && !s.has(id, name) {
		return "", notFound
	}
	if err != nil {
		return "", fmt.Errorf("instance %q: %w", name, err)
	}
	return id, nil
}

// has reports whether the instance of an id has a name, or had it when its files
// could still be read. A link may be left of an instance that is gone.
func (s *Store) has(id, name string) bool {
	if !instance.IsID(id) {
		return false
	}
	d, err := s.Description(id)
	if errors.Is(err, ErrCorrupt) {
		return true
	}
	return err == nil && d.Name == name
}

// takeName gives a free name. The caller holds names.lock.
func (s *Store) takeName(name, id string) error {
	for {
		err := os.Symlink(id, s.link(name))
		if err == nil {
			return durable.SyncDir(s.names())
		}
		if !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("name %q: %w", name, err)
		}
		owner, err := os.Readlink(s.link(name))
		if err == nil && s.has(owner, name) {
			return fmt.Errorf("name %q: %w, by instance %s; remove or rename that one, or choose another name", name, ErrNameTaken, instance.ShortID(owner))
		}
		if err := os.Remove(s.link(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("name %q: %w", name, err)
		}
	}
}

// freeName takes a name back, if it is the instance's.
func (s *Store) freeName(name, id string) error {
	unlock, err := s.lockNames()
	if err != nil {
		return err
	}
	defer unlock()
	if name == "" { // its files could not be read, or do not tell all
		return s.freeNamesOf(id)
	}
	owner, err := os.Readlink(s.link(name))
	if err != nil || owner != id {
		return nil // it has none: the name's next taker has cleaned up
	}
	return os.Remove(s.link(name))
}

func (s *Store) freeNamesOf(id string) error {
	all, err := os.ReadDir(s.names())
	if err != nil {
		return fmt.Errorf("instances: names: %w", err)
	}
	for _, e := range all {
		if owner, err := os.Readlink(s.link(e.Name())); err == nil && owner == id {
			err = os.Remove(s.link(e.Name()))
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// Rename gives an instance another name. The caller holds its lock.
func (s *Store) Rename(d *instance.Description, name string) error {
	unlock, err := s.lockNames()
	if err != nil {
		return err
	}
	defer unlock()
	// Who is killed on the way leaves a link that the description does not tell of.
	// The mark does, and stays where it is not known that there is none.
	mark := filepath.Join(s.Dir(d.ID), renamingFile)
	marked := fileExists(mark)
	if err := touch(mark); err != nil {
		return fmt.Errorf("instance %s: rename: %w", instance.ShortID(d.ID), err)
	}
	err = s.rename(d, name)
	if marked || err != nil && !errors.Is(err, ErrNameTaken) {
		return err
	}
	return errors.Join(err, os.Remove(mark))
}

func (s *Store) rename(d *instance.Description, name string) error {
	if err := s.takeName(name, d.ID); err != nil {
		return err
	}
	old := d.Name
	d.Name = name
	// The description decides: a link that says otherwise is no name.
	if err := s.PutDescription(d); err != nil {
		d.Name = old
		return errors.Join(err, os.Remove(s.link(name)))
	}
	if err := os.Remove(s.link(old)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("name %q: %w", old, err)
	}
	return nil
}

func fileExists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
