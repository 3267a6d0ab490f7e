package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// PutDir gives the directory tmp the name final, after everything in it is on
// the disk. Both names lie in the same directory. Where final exists already,
// PutDir fails with an error that is fs.ErrExist and leaves both.
func PutDir(tmp, final string) error {
	if err := syncTree(tmp); err != nil {
		return err
	}
	err := unix.Renameat2(unix.AT_FDCWD, tmp, unix.AT_FDCWD, final, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EINVAL) {
		// A file system without RENAME_NOREPLACE: a plain rename fails on a
		// directory that is not empty, which is what ours are.
		err = os.Rename(tmp, final)
		if errors.Is(err, unix.ENOTEMPTY) {
			err = unix.EEXIST
		}
	}
	if err != nil {
		return fmt.Errorf("directory %q: put in place: %w", final, err)
	}
	return SyncDir(filepath.Dir(final))
}

// SwapDir is PutDir for a final that exists: the two directories change names
// in one step, so that a reader finds either the old one or the new one. The
// old one then has the name tmp, and the caller removes it.
func SwapDir(tmp, final string) error {
	if err := syncTree(tmp); err != nil {
		return err
	}
	if err := unix.Renameat2(unix.AT_FDCWD, tmp, unix.AT_FDCWD, final, unix.RENAME_EXCHANGE); err != nil {
		return fmt.Errorf("directory %q: replace: %w", final, err)
	}
	return SyncDir(filepath.Dir(final))
}

// syncTree syncs every file and directory below root, and root.
func syncTree(root string) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return fmt.Errorf("directory %q: walk: %w", root, err)
		case d.IsDir():
			return SyncDir(path)
		case d.Type().IsRegular():
			return syncFile(path)
		}
		return nil
	})
}

func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("file %q: open: %w", path, err)
	}
	if err := f.Sync(); err != nil {
		return errors.Join(fmt.Errorf("file %q: sync: %w", path, err), f.Close())
	}
	return f.Close()
}
