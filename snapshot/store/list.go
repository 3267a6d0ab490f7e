package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/snapshot"
)

// Entry is a snapshot in a list.
type Entry struct {
	Name     string
	Manifest *snapshot.Manifest // nil where it cannot be read
	Size     Size
	Broken   error // why the snapshot cannot be used, as far as that is seen without reading it; nil if it can
}

// Size is what the files of a snapshot take, in bytes.
type Size struct {
	Apparent  int64 // their lengths: of the memory's file, all of the guest's memory
	Allocated int64 // what the disk holds of them
}

// List looks at all snapshots, in order of their names.
func (s *Store) List() ([]Entry, error) {
	names, err := s.Names()
	if err != nil {
		return nil, err
	}
	list := make([]Entry, 0, len(names))
	for _, name := range names {
		e := Entry{Name: name}
		e.Manifest, e.Broken = s.look(name)
		if e.Size, err = s.Size(name); errors.Is(err, ErrNotFound) {
			continue // it was removed meanwhile
		}
		if err = errors.Join(e.Broken, err); err != nil {
			e.Broken = problem(name, fmt.Errorf("%w: %w", ErrBroken, err))
		}
		list = append(list, e)
	}
	return list, nil
}

// look reads a manifest, and holds the sizes of the files against it.
func (s *Store) look(name string) (*snapshot.Manifest, error) {
	m, _, err := readManifest(s.path(name), name)
	if err != nil {
		return nil, err
	}
	sizes := map[string]int64{snapshot.MachineFile: m.Machine.Size, snapshot.StateFile: m.State.Size, snapshot.MemoryFile: m.Memory.Size, snapshot.SumsFile: -1}
	if m.Parent != nil {
		sizes[snapshot.MapFile] = -1
		if _, err := os.Lstat(s.path(m.Parent.Name)); err != nil {
			return m, fmt.Errorf("what it lies over: snapshot %q: %w", m.Parent.Name, ErrNotFound)
		}
	}
	for file, size := range sizes {
		info, err := os.Lstat(s.path(name, file))
		switch {
		case err != nil:
			return m, fmt.Errorf("file %q: %w", file, causeOf(err))
		case !info.Mode().IsRegular():
			return m, fmt.Errorf("file %q: it is no regular file", file)
		case size >= 0 && info.Size() != size:
			return m, fmt.Errorf("file %q: it has %d bytes, and not %d", file, info.Size(), size)
		}
	}
	return m, nil
}

// Size is what the snapshot of a name takes. Blocks that a file system shares between
// files count for each.
func (s *Store) Size(name string) (Size, error) {
	var total Size
	err := filepath.WalkDir(s.path(name), func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return &os.PathError{Op: "lstat", Path: path, Err: err}
		}
		if e.Type().IsRegular() {
			total.Apparent += st.Size
		}
		total.Allocated += st.Blocks * 512
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = ErrNotFound
	}
	if err != nil {
		return Size{}, problem(name, err)
	}
	return total, nil
}
