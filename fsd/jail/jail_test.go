package jail_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/internal/hosttest"
)

// inmate is the program that tries to get out.
var inmate string

func TestMain(m *testing.M) {
	os.Exit(hosttest.WithPrograms(func(dir string) int {
		inmate = filepath.Join(dir, "inmate")
		return m.Run()
	}, "testdata/inmate"))
}

const nobody = 65534

// jailed makes a directory with a way out of each kind, and a secret beside it.
// It belongs to user.
func jailed(t *testing.T, user int) (dir *os.File, secret string) {
	t.Helper()
	top, err := os.MkdirTemp("", "jail")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(top) })
	secret = filepath.Join(top, "secret")
	path := filepath.Join(top, "dir")
	for _, err := range []error{
		os.Chmod(top, 0o755),
		os.WriteFile(secret, []byte("secret"), 0o644),
		os.Mkdir(path, 0o755),
		os.WriteFile(filepath.Join(path, "file"), []byte("file"), 0o644),
		os.Symlink(secret, filepath.Join(path, "link")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	_ = unix.Mknod(filepath.Join(path, "null"), unix.S_IFCHR|0o666, int(unix.Mkdev(1, 5)))
	_ = os.Chown(path, user, user)
	_ = os.Chown(filepath.Join(path, "file"), user, user)
	dir, err = os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dir.Close() })
	return dir, secret
}

// run runs the inmate and returns what confines it. Anything that it could do
// and should not, or the other way round, fails t.
func run(t *testing.T, user int, attr *syscall.SysProcAttr, env []string, args ...string) string {
	t.Helper()
	dir, secret := jailed(t, user)
	cmd := exec.Command(inmate, append(args, "-secret", secret)...)
	cmd.ExtraFiles = []*os.File{dir}
	cmd.SysProcAttr = attr
	cmd.Env = env
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s%s", err, out, stderr.Bytes())
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) != 2 || lines[1] != "done" || !strings.HasPrefix(lines[0], "confinement: ") {
		t.Errorf("%s", out)
	}
	return strings.TrimPrefix(lines[0], "confinement: ")
}

func wants(t *testing.T, has string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(has, w) {
			t.Errorf("confined by %q, want %q as well", has, w)
		}
	}
}

func TestNobodyGetsOut(t *testing.T) {
	if os.Geteuid() != 0 {
		has := run(t, os.Getuid(), nil, nil)
		wants(t, has, "seccomp", "no_new_privs", "few capabilities")
		return
	}
	always := []string{"seccomp", "no_new_privs", "few capabilities"}
	for _, mode := range [][]string{nil, {"-readonly"}} {
		t.Run(fmt.Sprint("root ", mode), func(t *testing.T) {
			has := run(t, 0, nil, []string{"UNSHARE=1"}, mode...)
			wants(t, has, append(always, "mount namespace")...)
		})
		t.Run(fmt.Sprint("root without namespaces ", mode), func(t *testing.T) {
			has := run(t, 0, nil, nil, mode...)
			wants(t, has, append(always, "landlock")...)
		})
		t.Run(fmt.Sprint("user ", mode), func(t *testing.T) {
			attr := &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
			has := run(t, nobody, attr, nil, mode...)
			wants(t, has, append(always, "landlock")...)
		})
	}
}
