package durable

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// TempPrefix starts the names of files and directories that are not finished.
// A reader of a directory passes over them; the owner of a directory may
// remove those it knows nobody is writing.
const TempPrefix = ".tmp-"

// WriteFile makes path hold what fill writes, with exactly the permission bits
// of perm. An existing file is replaced in one step; where fill or the disk
// fails, it stays as it was.
func WriteFile(path string, perm os.FileMode, fill func(io.Writer) error) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, TempPrefix+"*")
	if err != nil {
		return fmt.Errorf("file %q: create: %w", path, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, ignoreMissing(os.Remove(f.Name())))
		}
	}()
	defer func() { err = errors.Join(err, ignoreClosed(f.Close())) }()

	if err := fill(f); err != nil {
		return err
	}
	if err := f.Chmod(perm.Perm()); err != nil {
		return fmt.Errorf("file %q: set mode: %w", path, err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("file %q: sync: %w", path, err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("file %q: close: %w", path, err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("file %q: put in place: %w", path, err)
	}
	return SyncDir(dir)
}

// SyncDir makes the names in a directory durable.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("directory %q: open: %w", dir, err)
	}
	// Some file systems have no fsync for directories and say EINVAL.
	if err := d.Sync(); err != nil && !errors.Is(err, unix.EINVAL) {
		return errors.Join(fmt.Errorf("directory %q: sync: %w", dir, err), d.Close())
	}
	return d.Close()
}

func ignoreMissing(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

func ignoreClosed(err error) error {
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}
