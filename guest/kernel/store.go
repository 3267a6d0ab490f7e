package kernel

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/internal/durable"
)

// ErrNotFound is in the error about a bundle that is not in the store.
var ErrNotFound = errors.New("not in the store")

// lockFile is held for the moments in which temporary directories are made,
// swept or renamed.
const lockFile = ".lock"

// Store is a directory of bundles. Several processes may use it at once. A
// bundle is there whole or not at all, also after a crash; what an import left
// that did not end is removed by the next one.
type Store struct {
	dir string
}

// OpenStore returns the store in dir, which is made by the first import.
func OpenStore(dir string) *Store { return &Store{dir: dir} }

// Dir is the store's directory.
func (s *Store) Dir() string { return s.dir }

// Get returns a bundle after a look at its manifest and its image's size.
// Errors about a bundle that is not there are [ErrNotFound].
func (s *Store) Get(name string) (*Bundle, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	b := &Bundle{Name: name, Dir: filepath.Join(s.dir, name)}
	f, err := os.Open(filepath.Join(b.Dir, manifestFile))
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(b.Dir); err == nil {
			return nil, fmt.Errorf("kernel %q: bundle %q: it has no %s", name, b.Dir, manifestFile)
		}
		return nil, fmt.Errorf("kernel %q: %w", name, ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("kernel %q: open: %w", name, err)
	}
	m, err := decodeManifest(f)
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("kernel %q: manifest %q: %w", name, f.Name(), err)
	}
	b.Manifest = *m
	if err := checkFile(b.Image(), m.Image.Size); err != nil {
		return nil, fmt.Errorf("kernel %q: image %q: %w", name, b.Image(), err)
	}
	return b, nil
}

// checkFile is a cheap look at a file of a bundle.
func checkFile(path string, size int64) error {
	info, err := os.Lstat(path)
	switch {
	case err != nil:
		return reason(err)
	case !info.Mode().IsRegular():
		return errors.New("not a regular file")
	case info.Size() != size:
		return fmt.Errorf("%d bytes, the manifest says %d", info.Size(), size)
	}
	return nil
}

// List returns the bundles, sorted by name. Broken ones are left out and named
// in the error; the others are returned beside it.
func (s *Store) List() ([]*Bundle, error) {
	entries, err := os.ReadDir(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("kernel store %q: read: %w", s.dir, reason(err))
	}
	var bundles []*Bundle
	var errs []error
	for _, e := range entries {
		if !e.IsDir() || checkName(e.Name()) != nil {
			continue
		}
		b, err := s.Get(e.Name())
		switch {
		case errors.Is(err, ErrNotFound):
			// Removed meanwhile.
		case err != nil:
			errs = append(errs, err)
		default:
			bundles = append(bundles, b)
		}
	}
	return bundles, errors.Join(errs...)
}

// Remove takes a bundle away, broken or not. A machine that runs keeps what it
// has open.
func (s *Store) Remove(name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	dir := filepath.Join(s.dir, name)
	if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("kernel %q: %w", name, ErrNotFound)
	}
	// By way of another name, so that no half of it is ever seen.
	tmp, err := s.newTemp()
	if err != nil {
		return err
	}
	defer tmp.close()
	if err := os.Rename(dir, filepath.Join(tmp.path, "old")); errors.Is(err, fs.ErrNotExist) {
		return errors.Join(fmt.Errorf("kernel %q: %w", name, ErrNotFound), tmp.remove())
	} else if err != nil {
		return errors.Join(fmt.Errorf("kernel %q: remove: %w", name, err), tmp.remove())
	}
	if err := durable.SyncDir(s.dir); err != nil {
		return errors.Join(err, tmp.remove())
	}
	return tmp.remove()
}

// checkName says whether name can be a bundle's, and so a directory's.
func checkName(name string) error {
	ok := name != "" && len(name) <= maxNameLen && alnum(rune(name[0])) &&
		strings.IndexFunc(name, func(c rune) bool { return !alnum(c) && !strings.ContainsRune(".-_+~", c) }) < 0
	if !ok {
		return fmt.Errorf("kernel %q: not a name: 1 to %d of a-z A-Z 0-9 . _ - + ~, the first a letter or digit", name, maxNameLen)
	}
	return nil
}

func alnum(c rune) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// tempDir is a directory that is being filled. Its lock, which ends with its
// process, tells others that it is in use.
type tempDir struct {
	path string
	lock *os.File
}

// newTemp makes the store and a temporary directory in it, and removes those
// that nobody fills any more.
func (s *Store) newTemp() (*tempDir, error) {
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return nil, fmt.Errorf("kernel store %q: create: %w", s.dir, reason(err))
	}
	unlock, err := lockPath(filepath.Join(s.dir, lockFile))
	if err != nil {
		return nil, fmt.Errorf("kernel store %q: lock: %w", s.dir, err)
	}
	defer unlock()
	if err := s.sweep(); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(s.dir, durable.TempPrefix)
	if err != nil {
		return nil, fmt.Errorf("kernel store %q: create: %w", s.dir, err)
	}
	lock, err := os.Open(dir)
	if err == nil {
		err = unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	}
	if err != nil {
		return nil, fmt.Errorf("kernel store %q: lock: %w", s.dir, err)
	}
	return &tempDir{path: dir, lock: lock}, nil
}

// close gives the directory up; where it still lies under its temporary name,
// the next import removes it.
func (t *tempDir) close() {
	t.lock.Close() // read-only: nothing is lost
}

// remove removes what lies under the temporary name.
func (t *tempDir) remove() error {
	if err := os.RemoveAll(t.path); err != nil {
		return fmt.Errorf("directory %q: remove: %w", t.path, err)
	}
	return nil
}

// sweep removes temporary directories that no process holds. The store's lock
// is held.
func (s *Store) sweep() error {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return fmt.Errorf("kernel store %q: read: %w", s.dir, reason(err))
	}
	entries = slices.DeleteFunc(entries, func(e fs.DirEntry) bool {
		return !e.IsDir() || !strings.HasPrefix(e.Name(), durable.TempPrefix)
	})
	for _, e := range entries {
		path := filepath.Join(s.dir, e.Name())
		f, err := os.Open(path)
		if err != nil {
			continue // removed meanwhile, or not ours to remove
		}
		if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
			err = os.RemoveAll(path)
		}
		f.Close() // read-only: nothing is lost
		if err != nil {
			return fmt.Errorf("kernel store %q: sweep: %w", s.dir, err)
		}
	}
	return nil
}

// lockPath waits for the lock on a file, which is made if need be.
func lockPath(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX)
		if err != unix.EINTR {
			break
		}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() { f.Close() }, nil // nothing was written
}

// reason takes off the path that package os repeats.
func reason(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
