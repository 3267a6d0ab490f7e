package jail

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Quiet are the attributes of mounts without devices and programs.
const Quiet = unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOEXEC

// EmptyTree makes a file system with nothing in it and room for next to nothing,
// mounted nowhere, and returns its descriptor.
func EmptyTree() (int, error) {
	fs, err := unix.Fsopen("tmpfs", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, fmt.Errorf("fsopen: %w", err)
	}
	defer unix.Close(fs)
	for key, value := range map[string]string{"mode": "0755", "size": "16k", "nr_inodes": "32"} {
		if err := unix.FsconfigSetString(fs, key, value); err != nil {
			return -1, fmt.Errorf("%s=%s: %w", key, value, err)
		}
	}
	if err := unix.FsconfigCreate(fs); err != nil {
		return -1, fmt.Errorf("fsconfig: %w", err)
	}
	tree, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, Quiet)
	if err != nil {
		return -1, fmt.Errorf("fsmount: %w", err)
	}
	return tree, nil
}

// SetAttributes adds to the attributes of a mount and of all below it.
func SetAttributes(tree int, set uint64) error {
	attr := &unix.MountAttr{Attr_set: set}
	if err := unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, attr); err != nil {
		return fmt.Errorf("set a mount's attributes: %w", err)
	}
	return nil
}
