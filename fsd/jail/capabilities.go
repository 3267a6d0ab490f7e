package jail

import (
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// kept are the capabilities that root keeps: to give files to the guest's users
// (CHOWN), pass by permissions that the guest has checked (DAC_OVERRIDE), change
// files that belong to others (FOWNER), keep set-id bits (FSETID), and make files
// as one of the guest's users (SETUID, SETGID).
const kept = 1<<unix.CAP_CHOWN | 1<<unix.CAP_DAC_OVERRIDE | 1<<unix.CAP_FOWNER |
	1<<unix.CAP_FSETID | 1<<unix.CAP_SETUID | 1<<unix.CAP_SETGID

// dropCapabilities drops all others, in all threads and for good, and the groups
// that the process got from whoever started it.
func dropCapabilities() error {
	var have [2]unix.CapUserData
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	if err := unix.Capget(&header, &have[0]); err != nil {
		return err
	}
	root := unix.Geteuid() == 0
	if err := syscall.Setgroups(nil); err != nil && root && err != unix.EPERM {
		return fmt.Errorf("setgroups: %w", err)
	}
	if have[0].Effective&(1<<unix.CAP_SETPCAP) != 0 {
		if err := dropBounding(root); err != nil {
			return err
		}
	}
	if err := allThreads(unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0); err != nil {
		return fmt.Errorf("ambient: %w", err)
	}
	var want [2]unix.CapUserData
	if root {
		want[0].Permitted = have[0].Permitted & kept
		want[0].Effective = want[0].Permitted
	}
	return setCapabilities(&header, &want)
}

// dropBounding takes from what a program that is run could ever have.
func dropBounding(root bool) error {
	for c := range uintptr(64) {
		if root && c < 32 && kept&(1<<c) != 0 {
			continue
		}
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
