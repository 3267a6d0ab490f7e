package jail

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// PrivateMounts has nothing that is done to mounts be seen outside of the
// process's mount namespace.
func PrivateMounts() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	return nil
}

// EnterTree makes a mount that is attached nowhere the root of the process's mount
// namespace, and all there is in it. The process's threads have root and working
// directory in common.
func EnterTree(tree int) error {
	if err := unix.MoveMount(tree, "", unix.AT_FDCWD, "/", unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return fmt.Errorf("mount the new root: %w", err)
	}
	if err := unix.Fchdir(tree); err != nil {
		return fmt.Errorf("enter the new root: %w", err)
	}
	err := unix.PivotRoot(".", ".")
	if errors.Is(err, unix.EINVAL) {
		// The root is the kernel's first one, which stays where it is. The
		// new one lies over it: what is under it has no name any more.
		if err := unix.Chroot("."); err != nil {
			return fmt.Errorf("chroot: %w", err)
		}
		return unix.Chdir("/")
	}
	if err != nil {
		return fmt.Errorf("pivot_root: %w", err)
	}
	// The old root lies over the new one.
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("unmount the old root: %w", err)
	}
	return unix.Chdir("/")
}

// initialUsers is what uid_map says where every user is who they are.
const initialUsers = "0 0 4294967295"

// usersAtStart is read before /proc is out of reach.
var usersAtStart, _ = os.ReadFile("/proc/self/uid_map")

// InUserNamespace reports whether users are not those of the host.
func InUserNamespace() bool {
	return strings.Join(strings.Fields(string(usersAtStart)), " ") != initialUsers
}
