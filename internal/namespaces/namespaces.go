// Package namespaces starts programs in namespaces of their own, as far as the
// host lets them have any.
package namespaces

import (
	"errors"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// Start starts the command that command makes of attributes: in a process namespace
// and the others of flags (CLONE_NEW... of clone(2)) or, where the host has none,
// or allows none, with no attributes and without them.
//
// An ordinary user gets the right to them with a namespace of users in which there
// is but that user. The program has the capabilities to make a root of its own,
// and to give them all back.
func Start(flags uintptr, command func(*syscall.SysProcAttr) *exec.Cmd) (*exec.Cmd, error) {
	cmd := command(attributes(flags))
	err := cmd.Start()
	if notAllowed(err) {
		cmd = command(nil)
		err = cmd.Start()
	}
	return cmd, err
}

// notAllowed reports whether an error says that namespaces are not allowed, or not
// there.
func notAllowed(err error) bool {
	for _, e := range []unix.Errno{unix.EPERM, unix.EINVAL, unix.ENOSPC, unix.EUSERS, unix.ENOSYS, unix.EACCES} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func attributes(flags uintptr) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID | flags}
	if uid := os.Geteuid(); uid != 0 {
		attr.Cloneflags |= unix.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: uid, HostID: uid, Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getegid(), HostID: os.Getegid(), Size: 1}}
		attr.AmbientCaps = []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_SETPCAP}
	}
	return attr
}
