package jail

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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
	"open resolv.conf":            jailtest.Allowed,
	"read at an offset":           jailtest.Allowed,
	"open resolv.conf to write":   jailtest.Refused,
	"open a file outside":         jailtest.Refused,
	"open a file by a descriptor": jailtest.Refused,
	"open /proc":                  jailtest.Refused,
	"open a device":               jailtest.Refused,
	"make a file":                 jailtest.Refused,
	"connect":                     jailtest.Allowed,
	"listen":                      jailtest.Killed,
	"bind":                        jailtest.Killed,
	"make a unix socket":          jailtest.Killed,
	"make a raw socket":           jailtest.Killed,
	"make a packet socket":        jailtest.Killed,
	"make a netlink one":          jailtest.Killed,
	"make a ping socket":          jailtest.Killed,
	"make another's socket":       jailtest.Killed,
	"run a program":               jailtest.Killed,
	"fork":                        jailtest.Killed,
	"fork by one signal":          jailtest.Killed,
	"fork by another signal":      jailtest.Killed,
	"mount":                       jailtest.Killed,
	"unshare":                     jailtest.Killed,
	"trace":                       jailtest.Killed,
	"signal":                      jailtest.Killed,
	"chroot":                      jailtest.Killed,
	"change directory":            jailtest.Killed,
	"set the clock":               jailtest.Killed,
	"become root":                 jailtest.Killed,
	"load a filter":               jailtest.Killed,
	"use io_uring":                jailtest.Killed,
	"use bpf":                     jailtest.Killed,
	"make memory code":            jailtest.Killed,
	"turn memory into code":       jailtest.Killed,
	"have more memory":            jailtest.Refused,
	"have more descriptors":       jailtest.Refused,
}

func modes() []jailtest.Mode {
	const own = unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS | unix.CLONE_NEWCGROUP
	always := []string{"no capabilities", "no_new_privs", "seccomp"}
	with := func(more ...string) []string { return append(more, always...) }
	uid, gid := os.Getuid(), os.Getgid()
	user := jailtest.Mode{
		Name: "a user with namespaces",
		Attr: syscall.SysProcAttr{
			Cloneflags:  own | unix.CLONE_NEWUSER,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: 1000, HostID: uid, Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: 1000, HostID: gid, Size: 1}},
			AmbientCaps: []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_SETPCAP},
		},
		Args: []string{"-namespaced"},
		Has:  with("mount namespace", "user namespace"),
	}
	if uid != 0 {
		return []jailtest.Mode{user, {Name: "a user", Attr: syscall.SysProcAttr{}, Has: with("landlock")}}
	}
	return []jailtest.Mode{
		user,
		{Name: "root with namespaces", Attr: syscall.SysProcAttr{Cloneflags: own}, Args: []string{"-namespaced"}, Has: with("mount namespace", "user nobody")},
		{Name: "root", Attr: syscall.SysProcAttr{}, Has: with("landlock", "user nobody")},
		{Name: "a user", Attr: syscall.SysProcAttr{Credential: &syscall.Credential{Uid: jail.Nobody, Gid: jail.Nobody}}, Has: with("landlock")},
	}
}

func TestNobodyGetsOut(t *testing.T) {
	secret := filepath.Join(filepath.Dir(inmate), "secret")
	if err := os.WriteFile(secret, []byte("secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	list := modes()
	for i := range list {
		list[i].Args = append(list[i].Args, "-secret", secret)
	}
	jailtest.Run(t, inmate, list, attempts)
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
	cmd := exec.Command(inmate, append(append([]string(nil), m.Args...), "-resolver", link, "follow")...)
	cmd.SysProcAttr, cmd.Dir = &m.Attr, "/"
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
