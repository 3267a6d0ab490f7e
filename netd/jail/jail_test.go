package jail

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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
	"open resolv.conf":            allowed,
	"read at an offset":           allowed,
	"open resolv.conf to write":   refused,
	"open a file outside":         refused,
	"open a file by a descriptor": refused,
	"open /proc":                  refused,
	"open a device":               refused,
	"make a file":                 refused,
	"connect":                     allowed,
	"listen":                      killed,
	"bind":                        killed,
	"make a unix socket":          killed,
	"make a raw socket":           killed,
	"make a packet socket":        killed,
	"make a netlink one":          killed,
	"make a ping socket":          killed,
	"make another's socket":       killed,
	"run a program":               killed,
	"fork":                        killed,
	"fork by one signal":          killed,
	"fork by another signal":      killed,
	"mount":                       killed,
	"unshare":                     killed,
	"trace":                       killed,
	"signal":                      killed,
	"chroot":                      killed,
	"change directory":            killed,
	"set the clock":               killed,
	"become root":                 killed,
	"load a filter":               killed,
	"use io_uring":                killed,
	"use bpf":                     killed,
	"make memory code":            killed,
	"turn memory into code":       killed,
	"have more memory":            refused,
	"have more descriptors":       refused,
}

// mode is a way to be started.
type mode struct {
	name string
	attr syscall.SysProcAttr
	args []string
	has  []string
}

func modes() []mode {
	const own = unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS | unix.CLONE_NEWCGROUP
	always := []string{"no capabilities", "no_new_privs", "seccomp"}
	with := func(more ...string) []string { return append(more, always...) }
	uid, gid := os.Getuid(), os.Getgid()
	user := mode{
		"a user with namespaces",
		syscall.SysProcAttr{
			Cloneflags:  own | unix.CLONE_NEWUSER,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: 1000, HostID: uid, Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: 1000, HostID: gid, Size: 1}},
			AmbientCaps: []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_SETPCAP},
		},
		[]string{"-namespaced"},
		with("mount namespace", "user namespace"),
	}
	if uid != 0 {
		return []mode{user, {"a user", syscall.SysProcAttr{}, nil, with("landlock")}}
	}
	return []mode{
		user,
		{"root with namespaces", syscall.SysProcAttr{Cloneflags: own}, []string{"-namespaced"}, with("mount namespace", "user nobody")},
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
	args := append(append([]string(nil), m.args...), "-secret", secret, fmt.Sprintf("-old=%v", old), name)
	cmd := exec.Command(inmate, args...)
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

// A folder of the programs that write resolv.conf is shown whole, and no other.
func TestWhereTheResolverIsFound(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
	if err := errors.Join(os.WriteFile(file, nil, 0o644), os.Symlink(file, link)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ path, real, show string }{
		{file, file, file},
		{link, file, file},
		{filepath.Join(dir, "nothing"), "", ""},
	} {
		if got, want := find(c.path), (resolver{path: c.path, real: c.real, show: c.show}); got != want {
			t.Errorf("%s: %+v, want %+v", c.path, got, want)
		}
	}
}

// A file that another takes the place of is seen in a folder under /run.
func TestTheResolversFileIsFollowed(t *testing.T) {
	run, err := os.MkdirTemp("/run", "hull-jail")
	if err != nil {
		hosttest.Missing(t, "a folder in /run: %v", err)
	}
	defer os.RemoveAll(run)
	link, file := filepath.Join(t.TempDir(), "resolv.conf"), filepath.Join(run, "resolv.conf")
	if err := errors.Join(os.Chmod(run, 0o755), os.WriteFile(file, []byte("one"), 0o644), os.Symlink(file, link)); err != nil {
		t.Fatal(err)
	}
	m := modes()[1] // root with namespaces, where it is root who can make a folder there
	cmd := exec.Command(inmate, append(append([]string(nil), m.args...), "-resolver", link, "follow")...)
	cmd.SysProcAttr, cmd.Dir = &m.attr, "/"
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	out := bufio.NewScanner(stdout)
	line := func() string {
		out.Scan()
		return out.Text()
	}
	held := line()
	before := line()
	if err := errors.Join(os.WriteFile(file+".new", []byte("two"), 0o644), os.Rename(file+".new", file)); err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(stdin, "x")
	after := line()
	stdin.Close()
	_ = line()
	if err := cmd.Wait(); err != nil || before != "one" || after != "two" {
		t.Errorf("%s: %q and then %q, want one and two; %v", held, before, after, err)
	}
}
