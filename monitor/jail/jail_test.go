package jail

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/internal/hosttest"
	"github.com/hullvm/hull/internal/jail"
)

// inmate is the program that tries to get out.
var inmate string

func TestMain(m *testing.M) {
	os.Exit(hosttest.WithPrograms(func(dir string) int {
		inmate = filepath.Join(dir, "inmate")
		return m.Run()
	}, "testdata/inmate"))
}

// Outcomes of attempts.
const (
	allowed = "allowed"
	refused = "refused"
	killed  = "killed"
)

var attempts = map[string]string{
	"open a file of the host":     refused,
	"open a file by a descriptor": refused,
	"open the root":               refused,
	"open a device":               refused,
	"make a file":                 refused,
	"make a folder":               killed,
	"make a device":               killed,
	"remove a file":               killed,
	"open in another way":         killed,
	"open by a handle":            killed,
	"look at a file":              killed,
	"change directory":            killed,
	"change the root":             killed,
	"mount":                       killed,
	"clone a mount":               killed,
	"make a file system":          killed,
	"watch files":                 killed,

	"see a process of the host":   refused,
	"see itself":                  refused,
	"run a program":               killed,
	"run a program of memory":     killed,
	"fork":                        killed,
	"fork by one signal":          killed,
	"fork by another signal":      killed,
	"trace":                       killed,
	"read a process's memory":     killed,
	"take a process's descriptor": killed,
	"send a signal":               killed,
	"interrupt a thread outside":  refused,
	"stop all processes":          killed,
	"leave for a namespace":       killed,
	"enter a namespace":           killed,
	"become root":                 killed,
	"get capabilities":            killed,
	"raise a limit":               killed,
	"be looked into again":        killed,
	"choose a processor":          killed,
	"be first":                    killed,

	"make a TCP socket":      killed,
	"make a UDP socket":      killed,
	"make a unix socket":     killed,
	"make a raw socket":      killed,
	"make a packet socket":   killed,
	"make a netlink socket":  killed,
	"make a vsock socket":    killed,
	"make a pair of sockets": killed,
	"connect":                killed,
	"bind":                   killed,
	"listen":                 killed,

	"use io_uring":           killed,
	"use bpf":                killed,
	"use userfaultfd":        killed,
	"measure":                killed,
	"use keys":               killed,
	"load a filter":          killed,
	"load a module":          killed,
	"start another kernel":   killed,
	"set the clock":          killed,
	"restart the host":       killed,
	"read the kernel's log":  killed,
	"use System V's objects": killed,
	"use the 32-bit calls":   killed,

	"type into a terminal": killed,
	"make a tap":           killed,
	"a device of KVM's":    killed,
	"a request of KVM's":   refused, // standard input is no vCPU

	"make memory code":                 killed,
	"turn memory into code":            killed,
	"turn memory into code by its key": killed,
	"lock memory":                      killed,

	"make shared memory":         allowed,
	"write to a descriptor":      allowed,
	"start a thread":             allowed,
	"name a thread":              allowed,
	"have a thread's descriptor": allowed,
	"have many descriptors":      refused,
}

// mode is a way to be started.
type mode struct {
	name string
	attr syscall.SysProcAttr
	own  []string // namespaces
	has  []string
}

// anotherUser is one who is not there.
const anotherUser = 54321

func modes() []mode {
	const own = unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS | unix.CLONE_NEWCGROUP
	always := []string{"no capabilities", "no_new_privs", "seccomp"}
	with := func(more ...string) []string { return append(more, always...) }
	spaces := with("mount namespace", "pid namespace", "net namespace", "ipc namespace", "uts namespace", "cgroup namespace")
	uid, gid := os.Getuid(), os.Getgid()
	user := mode{
		"a user with namespaces",
		syscall.SysProcAttr{
			Cloneflags:  own | unix.CLONE_NEWUSER,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: jail.Nobody, HostID: uid, Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: jail.Nobody, HostID: gid, Size: 1}},
			AmbientCaps: []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_SETPCAP},
		},
		Namespaces,
		append(slices.Clone(spaces), "user namespace"),
	}
	if uid != 0 {
		return []mode{user, {"a user", syscall.SysProcAttr{}, nil, with("landlock")}}
	}
	another := user
	another.name = "another user with namespaces"
	another.attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: jail.Nobody, HostID: anotherUser, Size: 1}}
	another.attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: jail.Nobody, HostID: anotherUser, Size: 1}}
	another.attr.GidMappingsEnableSetgroups = true
	another.attr.Credential = &syscall.Credential{Uid: jail.Nobody, Gid: jail.Nobody}
	return []mode{
		user,
		another,
		{"root with namespaces", syscall.SysProcAttr{Cloneflags: own}, Namespaces[1:], append(slices.Clone(spaces), "user nobody")},
		{"root", syscall.SysProcAttr{}, nil, with("landlock", "user nobody")},
		{"a user", syscall.SysProcAttr{Credential: &syscall.Credential{Uid: jail.Nobody, Gid: jail.Nobody}}, nil, with("landlock")},
	}
}

func TestNobodyGetsOut(t *testing.T) {
	secret := filepath.Join(filepath.Dir(inmate), "secret")
	if err := os.WriteFile(secret, []byte("secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, m := range modes() {
		t.Run(m.name, func(t *testing.T) {
			for name, want := range attempts {
				for _, old := range []bool{false, true} {
					got, has := run(t, m, secret, old, name)
					if got != want {
						t.Errorf("%s (an old thread: %v): %s, want %s", name, old, got, want)
					}
					for _, w := range m.has {
						if !strings.Contains(strings.Split(has, "; without")[0], w) {
							t.Fatalf("held by %q, want %q as well", has, w)
						}
					}
				}
			}
		})
	}
}

// run returns what becomes of an attempt, and what holds the inmate.
func run(t *testing.T, m mode, secret string, old bool, name string) (outcome, has string) {
	t.Helper()
	cmd := exec.Command(inmate, "-namespaces", strings.Join(m.own, ","), "-secret", secret,
		"-victim", fmt.Sprint(os.Getpid()), fmt.Sprintf("-old=%v", old), name)
	attr := m.attr
	cmd.SysProcAttr, cmd.Dir, cmd.Env = &attr, "/", []string{}
	out, err := cmd.Output()
	if errors.Is(err, unix.EPERM) {
		hosttest.Missing(t, "namespaces: %v", err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == unix.SIGSYS && len(lines) == 1 {
		return killed, lines[0]
	}
	if err != nil || len(lines) != 2 {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	outcome, _, _ = strings.Cut(lines[1], ":")
	return outcome, lines[0]
}
