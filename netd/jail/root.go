package jail

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/internal/jail"
)

// resolver is where resolv.conf is found.
type resolver struct {
	path string // as programs open it
	real string // behind links, or "" where there is none

	// show is what has to be there for it to be found: the file, or its folder
	// where that is one of the programs that write it. They put new files in its
	// place, which are seen in the folder alone.
	show string
}

func find(path string) resolver {
	r := resolver{path: path}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return r
	}
	r.real, r.show = real, real
	if dir := filepath.Dir(real); strings.HasPrefix(dir, "/run/") {
		r.show = dir
	}
	return r
}

// makeRoot makes a file system that has the resolver's file alone the root.
func (r resolver) makeRoot() error {
	if err := jail.PrivateMounts(); err != nil {
		return err
	}
	shown, err := r.clone()
	if err != nil {
		return err
	}
	if shown >= 0 {
		defer unix.Close(shown)
	}
	tree, err := jail.EmptyTree()
	if err != nil {
		return fmt.Errorf("make an empty root: %w", err)
	}
	defer unix.Close(tree)
	if err := jail.EnterTree(tree); err != nil {
		return err
	}
	if shown >= 0 {
		if err := r.place(shown); err != nil {
			return err
		}
	}
	return jail.SetAttributes(tree, unix.MOUNT_ATTR_RDONLY|jail.Quiet)
}

// clone makes a mount of what is to be shown, that nothing can be written in; or
// returns -1 where there is nothing.
func (r resolver) clone() (int, error) {
	if r.real == "" {
		return -1, nil
	}
	const flags = unix.OPEN_TREE_CLONE | unix.OPEN_TREE_CLOEXEC
	fd, err := unix.OpenTree(unix.AT_FDCWD, r.show, flags)
	if errors.Is(err, unix.EINVAL) {
		// In a user namespace, what a mount hides is not shown.
		fd, err = unix.OpenTree(unix.AT_FDCWD, r.show, flags|unix.AT_RECURSIVE)
	}
	if err != nil {
		return -1, fmt.Errorf("clone the mount of %s: %w", r.show, err)
	}
	if err := jail.SetAttributes(fd, unix.MOUNT_ATTR_RDONLY|jail.Quiet); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// place puts the mount where it was in the root that was left, and a link to it
// where programs look for it.
func (r resolver) place(shown int) error {
	for _, dir := range []string{filepath.Dir(r.show), filepath.Dir(r.path)} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	if r.show == r.real {
		if err := os.WriteFile(r.show, nil, 0o444); err != nil {
			return err
		}
	} else if err := os.Mkdir(r.show, 0o755); err != nil {
		return err
	}
	if err := unix.MoveMount(shown, "", unix.AT_FDCWD, r.show, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return fmt.Errorf("mount %s: %w", r.show, err)
	}
	if r.real != r.path {
		return os.Symlink(r.real, r.path)
	}
	return nil
}
