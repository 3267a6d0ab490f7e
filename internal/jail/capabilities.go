package jail

import (
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// DropCapabilities drops all capabilities but those whose bits are set in keep,
// which root alone keeps, and the groups that the process got from whoever started
// it. Those to keep are of the first 32.
func DropCapabilities(keep uint32) error {
	var have [2]unix.CapUserData
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	if err := unix.Capget(&header, &have[0]); err != nil {
		return err
	}
	root := unix.Geteuid() == 0
	if !root {
		keep = 0
	}
	if err := syscall.Setgroups(nil); err != nil && root && err != unix.EPERM {
		return fmt.Errorf("setgroups: %w", err)
	}
	if have[0].Effective&(1<<unix.CAP_SETPCAP) != 0 {
		if err := dropBounding(); err != nil {
			return err
		}
	}
	if err := allThreads(unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0); err != nil {
		return fmt.Errorf("ambient: %w", err)
	}
	var want [2]unix.CapUserData
	want[0].Permitted = have[0].Permitted & keep
	want[0].Effective = want[0].Permitted
	return setCapabilities(&header, &want)
}

// dropBounding takes all of what a program that is run could ever have.
func dropBounding() error {
	for c := range uintptr(64) {
		switch err := allThreads(unix.SYS_PRCTL, unix.PR_CAPBSET_DROP, c, 0); err {
		case nil:
		case unix.EINVAL: // the kernel has no more
			return nil
		default:
			return fmt.Errorf("bounding set: %w", err)
		}
	}
	return nil
}
