package renew

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/internal/durable"
)

// machineIDFiles are the paths of the machine's ID (machine-id(5)), and of the
// file that stands in for it where the first cannot be written.
type machineIDFiles struct{ etc, run string }

// set writes the ID, durable. On a file system that is read-only it is written
// for this boot, and mounted over what is there, as systemd does
// (systemd-machine-id-setup(1)).
func (m machineIDFiles) set(id string) error {
	if err := uncover(m.etc); err != nil {
		return err
	}
	err := writeID(m.etc, id)
	if !errors.Is(err, unix.EROFS) && !errors.Is(err, fs.ErrNotExist) { // no /etc: nobody reads it there
		return err
	}
	if err := writeID(m.run, id); err != nil {
		return err
	}
	etc, err := os.Stat(m.etc)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if run, err := os.Stat(m.run); err == nil && os.SameFile(etc, run) {
		return nil // by a link
	}
	if err := unix.Mount(m.run, m.etc, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("file %q: mount %q on it: %w", m.etc, m.run, err)
	}
	if err := unix.Mount("", m.etc, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		return fmt.Errorf("file %q: make read-only: %w", m.etc, err)
	}
	return nil
}

// uncover unmounts what is mounted over a file: an ID of before.
func uncover(path string) error {
	for {
		err := unix.Unmount(path, unix.MNT_DETACH)
		switch {
		case err == nil:
			continue
		case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOENT): // nothing is
			return nil
		}
		return fmt.Errorf("file %q: unmount what hides it: %w", path, err)
	}
}

func writeID(path, id string) error {
	return durable.WriteFile(path, 0o444, func(w io.Writer) error {
		_, err := fmt.Fprintln(w, id)
		return err
	})
}
