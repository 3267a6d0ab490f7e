package jail

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/internal/jail"
)

// ErrNoNamespaces says that a process cannot have namespaces of its own.
var ErrNoNamespaces = errors.New("no namespaces")

// Unshare runs this program again in namespaces of its own, with args, and does
// not return but for an error: ErrNoNamespaces where the process may not have any. It
// keeps its process id and its open descriptors, and has the directory that root is a
// descriptor of as its working directory, which is how it is found again there:
// the descriptor stays one of the namespace that was left.
func Unshare(root int, args []string) error {
	if err := unix.Fchdir(root); err != nil {
		return fmt.Errorf("enter the directory: %w", err)
	}
	// Namespaces are a thread's. The one that executes becomes the process.
	runtime.LockOSThread()
	const own = unix.CLONE_NEWNS | unix.CLONE_NEWIPC | unix.CLONE_NEWNET | unix.CLONE_NEWUTS | unix.CLONE_NEWCGROUP
	if err := unix.Unshare(own); err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("%w: unshare: %w", ErrNoNamespaces, err)
	}
	// A thread that failed to execute is not used for anything else: it stays
	// locked, and ends with its goroutine.
	return fmt.Errorf("execute /proc/self/exe: %w", syscall.Exec("/proc/self/exe", args, os.Environ()))
}

// pivot makes the directory the root, and the only thing there is.
func (j *Jail) pivot(o Options) error {
	if err := jail.PrivateMounts(); err != nil {
		return err
	}
	tree, err := cloneTree(o)
	if err != nil {
		return err
	}
	defer unix.Close(tree)
	proc, err := unix.OpenTree(unix.AT_FDCWD, "/proc/self/fd", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return fmt.Errorf("clone /proc/self/fd: %w", err)
	}
	if err := jail.EnterTree(tree); err != nil {
		unix.Close(proc)
		return err
	}
	root, err := unix.Open("/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		unix.Close(proc)
		return fmt.Errorf("open the new root: %w", err)
	}
	unix.Close(j.Root)
	unix.Close(j.Proc)
	j.Root, j.Proc = root, proc
	return nil
}

// cloneTree makes a mount of the working directory, which is the directory, in
// which there are no devices and no programs.
func cloneTree(o Options) (int, error) {
	if err := sameDirectory(o.Root); err != nil {
		return -1, err
	}
	const clone = unix.OPEN_TREE_CLONE | unix.OPEN_TREE_CLOEXEC
	flags := uint(clone)
	if o.Submounts {
		flags |= unix.AT_RECURSIVE
	}
	tree, err := unix.OpenTree(unix.AT_FDCWD, ".", flags)
	if errors.Is(err, unix.EINVAL) && !o.Submounts {
		// In a user namespace, what a mount hides is not shown. It stays hidden
		// then, and the file system does not enter it.
		tree, err = unix.OpenTree(unix.AT_FDCWD, ".", clone|unix.AT_RECURSIVE)
	}
	if err != nil {
		return -1, fmt.Errorf("clone the directory's mount: %w", err)
	}
	attr := &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOEXEC}
	if o.ReadOnly {
		attr.Attr_set |= unix.MOUNT_ATTR_RDONLY
	}
	if err := unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, attr); err != nil {
		unix.Close(tree)
		return -1, fmt.Errorf("set the mount's attributes: %w", err)
	}
	return tree, nil
}

// sameDirectory makes sure that the working directory is the one of root.
func sameDirectory(root int) error {
	var want, have unix.Stat_t
	if err := unix.Fstat(root, &want); err != nil {
		return err
	}
	if err := unix.Stat(".", &have); err != nil {
		return err
	}
	if want.Dev != have.Dev || want.Ino != have.Ino {
		return errors.New("the working directory is another")
	}
	return nil
}
