package namespaces

import (
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// inside is who the only user of a namespace of users is in it: nobody, whom
// programs know to have no rights.
const inside = 65534

// StartAs starts the command that command makes of attributes in all the namespaces
// of flags, and in one of users, whose only user is uid of the host. Only root
// chooses: another user is who they are. Where the host has some namespaces not, or
// does not allow them, it is started without one of users, and then with no
// attributes at all. What it was started in is returned, as flags.
func StartAs(flags uintptr, uid int, command func(*syscall.SysProcAttr) *exec.Cmd) (*exec.Cmd, uintptr, error) {
	attempts := []*syscall.SysProcAttr{owned(flags, uid)}
	if os.Geteuid() == 0 {
		attempts = append(attempts, &syscall.SysProcAttr{Cloneflags: flags})
	}
	for _, attr := range attempts {
		cmd := command(attr)
		err := cmd.Start()
		if err == nil {
			return cmd, attr.Cloneflags, nil
		}
		if !notAllowed(err) {
			return nil, 0, err
		}
	}
	cmd := command(nil)
	return cmd, 0, cmd.Start()
}

// owned is how a process gets a namespace of users of its own: with the capabilities
// to make a root of its own, and to give them all back.
func owned(flags uintptr, uid int) *syscall.SysProcAttr {
	gid := uid
	root := os.Geteuid() == 0
	if !root {
		uid, gid = os.Geteuid(), os.Getegid()
	}
	attr := &syscall.SysProcAttr{
		Cloneflags:  flags | unix.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: inside, HostID: uid, Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: inside, HostID: gid, Size: 1}},
		AmbientCaps: []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_SETPCAP},
	}
	if root {
		// Groups are left, and the user is not root of the host any more.
		attr.GidMappingsEnableSetgroups = true
		attr.Credential = &syscall.Credential{Uid: inside, Gid: inside}
	}
	return attr
}
