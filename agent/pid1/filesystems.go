package pid1

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/agent/bootconf"
)

// newRoot is where a root file system is mounted before it becomes the root.
const newRoot = "/hull/root"

// mountFilesystems mounts what the configuration names, in its order.
func mountFilesystems(list []bootconf.Mount) error {
	for i := range list {
		if err := mountFilesystem(&list[i]); err != nil {
			return err
		}
	}
	return nil
}

func mountFilesystem(m *bootconf.Mount) error {
	what, source, fstype := fmt.Sprintf("disk %q", m.Disk), "", m.FSType
	var flags uintptr
	if m.ReadOnly {
		flags = unix.MS_RDONLY
	}
	if m.Share != "" {
		what, source, fstype = fmt.Sprintf("share %q", m.Share), m.Share, "virtiofs"
	} else {
		device, err := findDisk(m.Disk)
		if err != nil {
			return err
		}
		source = device
	}
	target := m.On
	if target == "/" {
		target = newRoot
	}
	if err := os.MkdirAll(target, 0o755); err != nil {
		return fmt.Errorf("%s: folder %q: make: %w", what, target, reason(err))
	}
	if err := mountWhenThere(source, target, fstype, flags); err != nil {
		return fmt.Errorf("%s: mount on %q as %s: %w", what, m.On, fstype, err)
	}
	if m.On == "/" {
		if err := switchRoot(newRoot); err != nil {
			return fmt.Errorf("%s: make it the root: %w", what, err)
		}
	}
	return nil
}

// mountWhenThere is mount(2), tried again while the device is not there yet: a
// share can only be found by mounting it.
func mountWhenThere(source, target, fstype string, flags uintptr) error {
	var err error
	_, late := await(func() string {
		if err = unix.Mount(source, target, fstype, flags, ""); errors.Is(err, unix.ENXIO) || errors.Is(err, unix.EINVAL) && fstype == "virtiofs" {
			return ""
		}
		return "tried"
	})
	if late != nil {
		return fmt.Errorf("%w (%w)", err, late)
	}
	return err
}

// switchRoot makes the file system at root the root of this process and of all
// that it starts. The kernel's own file systems move along; what the initrd held
// is given back to memory.
func switchRoot(root string) error {
	for _, m := range standardMounts {
		if filepath.Dir(m.target) != "/" {
			continue // it moves with the one it is mounted on
		}
		to := filepath.Join(root, m.target)
		if err := os.Mkdir(to, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
			if m.optional {
				_ = unix.Unmount(m.target, unix.MNT_DETACH)
				continue
			}
			return fmt.Errorf("folder %q: make: %w", m.target, reason(err))
		}
		if err := unix.Mount(m.target, to, "", unix.MS_MOVE, ""); err != nil && !m.optional {
			return fmt.Errorf("move %q: %w", m.target, err)
		}
	}
	old, err := os.OpenRoot("/")
	if err != nil {
		return err
	}
	defer old.Close()
	if err := enterRoot(root); err != nil {
		return err
	}
	emptyInitrd(old)
	return nil
}

// enterRoot makes the file system at root the root of the mount namespace, and of
// this process and all that it starts: for the kernel, none of them is in a chroot,
// which may have no user namespaces.
func enterRoot(root string) error {
	if err := unix.Chdir(root); err != nil {
		return err
	}
	if err := unix.Mount(".", "/", "", unix.MS_MOVE, ""); err != nil {
		return fmt.Errorf("move: %w", err)
	}
	if err := unix.Chroot("."); err != nil {
		return err
	}
	return unix.Chdir("/")
}

// emptyInitrd removes what the initrd held: it is in memory, and nobody can
// reach it any more. Folders stay, so that nothing that is mounted on one is
// entered.
func emptyInitrd(old *os.Root) {
	for _, dir := range []string{"bin", "lib", "etc", "root", "."} {
		removeFiles(old, dir)
	}
}

func removeFiles(root *os.Root, dir string) {
	d, err := root.Open(dir)
	if err != nil {
		return
	}
	entries, err := d.ReadDir(-1)
	d.Close()
	if err != nil {
		return
	}
	for _, e := range entries {
		name := filepath.Join(dir, e.Name())
		switch {
		case !e.IsDir():
			_ = root.Remove(name)
		case dir != ".":
			removeFiles(root, name)
		}
	}
}
