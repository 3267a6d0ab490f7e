package jail

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/internal/hosttest"
	"github.com/hullvm/hull/internal/jail"
	"github.com/hullvm/hull/internal/jail/jailtest"
)

// inmate is the program that tries to get out.
var inmate string

func TestMain(m *testing.M) {
	os.Exit(hosttest.WithPrograms(func(dir string) int {
		inmate = filepath.Join(dir, "inmate")
		return m.Run()
	}, "testdata/inmate"))
}

var attempts = map[string]jailtest.Outcome{
	"open a file of the host":     jailtest.Refused,
	"open a file by a descriptor": jailtest.Refused,
	"open the root":               jailtest.Refused,
	"open a device":               jailtest.Refused,
	"make a file":                 jailtest.Refused,
	"make a folder":               jailtest.Killed,
	"make a device":               jailtest.Killed,
	"remove a file":               jailtest.Killed,
	"open in another way":         jailtest.Killed,
	"open by a handle":            jailtest.Killed,
	"look at a file":              jailtest.Killed,
	"change directory":            jailtest.Killed,
	"change the root":             jailtest.Killed,
	"mount":                       jailtest.Killed,
	"clone a mount":               jailtest.Killed,
	"make a file system":          jailtest.Killed,
	"watch files":                 jailtest.Killed,

	"see a process of the host":   jailtest.Refused,
	"see itself":                  jailtest.Refused,
	"run a program":               jailtest.Killed,
	"run a program of memory":     jailtest.Killed,
	"fork":                        jailtest.Killed,
	"fork by one signal":          jailtest.Killed,
	"fork by another signal":      jailtest.Killed,
	"trace":                       jailtest.Killed,
	"read a process's memory":     jailtest.Killed,
	"take a process's descriptor": jailtest.Killed,
	"send a signal":               jailtest.Killed,
	"interrupt a thread outside":  jailtest.Refused,
	"stop all processes":          jailtest.Killed,
	"leave for a namespace":       jailtest.Killed,
	"enter a namespace":           jailtest.Killed,
	"become root":                 jailtest.Killed,
	"get capabilities":            jailtest.Killed,
	"raise a limit":               jailtest.Killed,
	"be looked into again":        jailtest.Killed,
	"choose a processor":          jailtest.Killed,
	"be first":                    jailtest.Killed,

	"make a TCP socket":      jailtest.Killed,
	"make a UDP socket":      jailtest.Killed,
	"make a unix socket":     jailtest.Killed,
	"make a raw socket":      jailtest.Killed,
	"make a packet socket":   jailtest.Killed,
	"make a netlink socket":  jailtest.Killed,
	"make a vsock socket":    jailtest.Killed,
	"make a pair of sockets": jailtest.Killed,
	"connect":                jailtest.Killed,
	"bind":                   jailtest.Killed,
	"listen":                 jailtest.Killed,

	"use io_uring":           jailtest.Killed,
	"use bpf":                jailtest.Killed,
	"use userfaultfd":        jailtest.Killed,
	"measure":                jailtest.Killed,
	"use keys":               jailtest.Killed,
	"load a filter":          jailtest.Killed,
	"load a module":          jailtest.Killed,
	"start another kernel":   jailtest.Killed,
	"set the clock":          jailtest.Killed,
	"restart the host":       jailtest.Killed,
	"read the kernel's log":  jailtest.Killed,
	"use System V's objects": jailtest.Killed,
	"use the 32-bit calls":   jailtest.Killed,

	"type into a terminal": jailtest.Killed,
	"make a tap":           jailtest.Killed,
	"a device of KVM's":    jailtest.Killed,
	"a request of KVM's":   jailtest.Refused, // standard input is no vCPU

	"make memory code":                 jailtest.Killed,
	"turn memory into code":            jailtest.Killed,
	"turn memory into code by its key": jailtest.Killed,
	"lock memory":                      jailtest.Killed,

	"make shared memory":         jailtest.Allowed,
	"write to a descriptor":      jailtest.Allowed,
	"start a thread":             jailtest.Allowed,
	"name a thread":              jailtest.Allowed,
	"have a thread's descriptor": jailtest.Allowed,
	"have many descriptors":      jailtest.Refused,
}

// own is the argument for the namespaces that an inmate has of its own.
func own(namespaces []string) []string {
	return []string{"-namespaces", strings.Join(namespaces, ",")}
}

// anotherUser is one who is not there.
const anotherUser = 54321

func modes() []jailtest.Mode {
	const all = unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS | unix.CLONE_NEWCGROUP
	always := []string{"no capabilities", "no_new_privs", "seccomp"}
	with := func(more ...string) []string { return append(more, always...) }
	spaces := with("mount namespace", "pid namespace", "net namespace", "ipc namespace", "uts namespace", "cgroup namespace")
	uid, gid := os.Getuid(), os.Getgid()
	user := jailtest.Mode{
		Name: "a user with namespaces",
		Attr: syscall.SysProcAttr{
			Cloneflags:  all | unix.CLONE_NEWUSER,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: jail.Nobody, HostID: uid, Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: jail.Nobody, HostID: gid, Size: 1}},
			AmbientCaps: []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_SETPCAP},
		},
		Args: own(Namespaces),
		Has:  append(slices.Clone(spaces), "user namespace"),
	}
	if uid != 0 {
		return []jailtest.Mode{user, {Name: "a user", Attr: syscall.SysProcAttr{}, Args: own(nil), Has: with("landlock")}}
	}
	another := user
	another.Name = "another user with namespaces"
	another.Attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: jail.Nobody, HostID: anotherUser, Size: 1}}
	another.Attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: jail.Nobody, HostID: anotherUser, Size: 1}}
	another.Attr.GidMappingsEnableSetgroups = true
	another.Attr.Credential = &syscall.Credential{Uid: jail.Nobody, Gid: jail.Nobody}
	return []jailtest.Mode{
		user,
		another,
		{Name: "root with namespaces", Attr: syscall.SysProcAttr{Cloneflags: all}, Args: own(Namespaces[1:]), Has: append(slices.Clone(spaces), "user nobody")},
		{Name: "root", Attr: syscall.SysProcAttr{}, Args: own(nil), Has: with("landlock", "user nobody")},
		{Name: "a user", Attr: syscall.SysProcAttr{Credential: &syscall.Credential{Uid: jail.Nobody, Gid: jail.Nobody}}, Args: own(nil), Has: with("landlock")},
	}
}

func TestNobodyGetsOut(t *testing.T) {
	secret := filepath.Join(filepath.Dir(inmate), "secret")
	if err := os.WriteFile(secret, []byte("secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	list := modes()
	for i := range list {
		list[i].Args = append(list[i].Args, "-secret", secret, "-victim", fmt.Sprint(os.Getpid()))
	}
	jailtest.Run(t, inmate, list, attempts)
}
