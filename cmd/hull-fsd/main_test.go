package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/fsd/fuse"
	"github.com/hullvm/hull/fsd/fusetest"
	"github.com/hullvm/hull/fsd/spawn"
	"github.com/hullvm/hull/internal/fswire"
	"github.com/hullvm/hull/internal/hosttest"
)

// program is hull-fsd, built as it is shipped: without cgo.
var program = os.Getenv("HULL_FSD")

func TestMain(m *testing.M) {
	if program != "" {
		os.Exit(m.Run())
	}
	os.Exit(hosttest.WithPrograms(func(dir string) int {
		program = filepath.Join(dir, "hull-fsd")
		return m.Run()
	}, "."))
}

// start serves dir and begins a session. The server must end well with t.
func start(t *testing.T, dir string, c spawn.Config) *fusetest.Client {
	t.Helper()
	client := serveOnly(t, dir, c)
	if _, err := client.Init(fusetest.AllFlags); err != nil {
		t.Fatal(err)
	}
	return client
}

// serveOnly serves dir.
func serveOnly(t *testing.T, dir string, c spawn.Config) *fusetest.Client {
	t.Helper()
	f, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var stderr bytes.Buffer
	c.Program, c.Dir, c.Stderr = program, f, &stderr
	s, err := spawn.Start(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Process.Wait(); err != nil || stderr.Len() > 0 {
			t.Errorf("hull-fsd ended with %v\n%s", err, stderr.Bytes())
		}
	})
	client := fusetest.Dial(t, s.Conn)
	t.Logf("confinement: %v; missing: %s", client.Hello.Confinement, client.Hello.Text)
	return client
}

// everything does one of each request that changes something, and reads it back.
func everything(t *testing.T, c *fusetest.Client, dir string) {
	t.Helper()
	d, err := c.Mkdir(fuse.RootID, "d", 0o755)
	check(t, err)
	f, fh, err := c.Create(d.Node, "f", unix.O_RDWR, 0o644)
	check(t, err)
	data := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	n, err := c.Write(f.Node, fh, 0, data, 0)
	if n != len(data) || err != nil {
		t.Fatalf("wrote %d, %v", n, err)
	}
	p, err := c.Read(f.Node, fh, 0, len(data))
	if !bytes.Equal(p, data) || err != nil {
		t.Fatalf("read %d bytes, %v", len(p), err)
	}
	check(t, c.Fsync(fuse.FSYNC, f.Node, fh, 0))
	check(t, c.Release(fuse.RELEASE, f.Node, fh))
	_, err = c.Setattr(f.Node, fuse.SetattrIn{Valid: fuse.SetMode | fuse.SetSize | fuse.SetMtime, Mode: 0o600, Size: 10, Mtime: 5})
	check(t, err)
	_, err = c.Symlink(fuse.RootID, "l", "/etc/passwd")
	check(t, err)
	_, err = c.Link(f.Node, fuse.RootID, "hard")
	check(t, err)
	for _, kind := range []uint32{unix.S_IFIFO, unix.S_IFSOCK} {
		name := fmt.Sprintf("%o", kind)
		_, err = c.Mknod(fuse.RootID, name, kind|0o600, 0)
		check(t, err)
		check(t, c.Unlink(fuse.RootID, name))
	}
	check(t, c.Rename(d.Node, "f", fuse.RootID, "g", 0))
	check(t, c.Rename(fuse.RootID, "g", fuse.RootID, "hard", unix.RENAME_EXCHANGE))
	check(t, c.Rmdir(fuse.RootID, "d"))
	_, err = c.Call(fuse.SYNCFS, fuse.RootID, fusetest.Body(uint64(0)), 0)
	check(t, err)
	_, err = c.Call(fuse.STATFS, fuse.RootID, nil, 80)
	check(t, err)
	od, err := c.Opendir(fuse.RootID)
	check(t, err)
	list, err := c.Readdir(fuse.READDIRPLUS, fuse.RootID, od, 0, 4096)
	if len(list) != 5 || err != nil {
		t.Errorf("the directory has %v, %v", list, err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "g"))
	if string(b) != "0123456789" || err != nil {
		t.Errorf("g is %q, %v", b, err)
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestADirectoryIsServedFromWithinAJail(t *testing.T) {
	dir := t.TempDir()
	c := start(t, dir, spawn.Config{})
	want := fswire.Seccomp | fswire.NoNewPrivs | fswire.FewCapabilities
	if os.Geteuid() == 0 {
		want |= fswire.MountNamespace
	}
	if c.Hello.Confinement&want != want {
		t.Errorf("confined by %v, want %v at least", c.Hello.Confinement, want)
	}
	everything(t, c, dir)
	if os.Geteuid() != 0 {
		return
	}
	c.UID, c.GID = 1234, 5678
	_, err := c.Mkdir(fuse.RootID, "theirs", 0o700)
	check(t, err)
	var st unix.Stat_t
	check(t, unix.Stat(filepath.Join(dir, "theirs"), &st))
	if st.Uid != 1234 || st.Gid != 5678 {
		t.Errorf("it belongs to %d:%d", st.Uid, st.Gid)
	}
}

func TestAReadOnlyDirectoryIsServedReadOnly(t *testing.T) {
	dir := t.TempDir()
	check(t, os.WriteFile(filepath.Join(dir, "f"), []byte("content"), 0o644))
	c := start(t, dir, spawn.Config{ReadOnly: true, Cache: "always", Xattr: true, MaxOpen: 10, Owner: "5:6"})
	f, err := c.Lookup(fuse.RootID, "f")
	check(t, err)
	if f.EntryValid != 86400 {
		t.Errorf("a name is good for %d seconds", f.EntryValid)
	}
	fh, err := c.Open(f.Node, unix.O_RDONLY)
	check(t, err)
	if p, err := c.Read(f.Node, fh, 0, 100); string(p) != "content" || err != nil {
		t.Errorf("read %q, %v", p, err)
	}
	if _, err := c.Mkdir(fuse.RootID, "d", 0o700); err != unix.EROFS {
		t.Errorf("mkdir: %v, want EROFS", err)
	}
	if f.Attr.UID != 5 || f.Attr.GID != 6 {
		t.Errorf("f belongs to %d:%d", f.Attr.UID, f.Attr.GID)
	}
}

// TestAsAUser is run by TestAnOrdinaryUserServes, as such a user.
func TestAsAUser(t *testing.T) {
	if os.Getenv("HULL_FSD") == "" {
		t.Skip("run by another test")
	}
	dir := t.TempDir()
	c := start(t, dir, spawn.Config{})
	if c.Hello.Confinement&(fswire.MountNamespace|fswire.Landlock) == 0 {
		t.Errorf("confined by %v", c.Hello.Confinement)
	}
	everything(t, c, dir)
	// Whoever asks, the files are the user's.
	c.UID, c.GID = 4321, 4321
	_, err := c.Mkdir(fuse.RootID, "d", 0o700)
	check(t, err)
	var st unix.Stat_t
	check(t, unix.Stat(filepath.Join(dir, "d"), &st))
	if int(st.Uid) != os.Getuid() {
		t.Errorf("it belongs to %d", st.Uid)
	}
	d, err := c.Lookup(fuse.RootID, "d")
	check(t, err)
	if int(d.Attr.UID) != os.Getuid() {
		t.Errorf("the guest sees that it belongs to %d", d.Attr.UID)
	}
	if _, err := c.Setattr(d.Node, fuse.SetattrIn{Valid: fuse.SetUID, UID: 0}); err != unix.EPERM && err != unix.EINVAL {
		t.Errorf("giving it to root: %v", err)
	}
}

func TestAnOrdinaryUserServes(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("already run as one, by the other tests")
	}
	self := filepath.Join(filepath.Dir(program), "test")
	b, err := os.ReadFile("/proc/self/exe")
	check(t, err)
	check(t, os.WriteFile(self, b, 0o755))
	tmp, err := os.MkdirTemp("", "user")
	check(t, err)
	defer os.RemoveAll(tmp)
	check(t, os.Chown(tmp, 65534, 65534))
	cmd := exec.Command(self, "-test.run=^TestAsAUser$", "-test.v")
	cmd.Env = []string{"HULL_FSD=" + program, "TMPDIR=" + tmp}
	cmd.Dir = tmp
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestAsAUser") {
		t.Errorf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}

func TestABrokenProtocolEndsTheServer(t *testing.T) {
	f, err := os.Open(t.TempDir())
	check(t, err)
	defer f.Close()
	var stderr bytes.Buffer
	s, err := spawn.Start(spawn.Config{Program: program, Dir: f, Stderr: &stderr})
	check(t, err)
	defer s.Conn.Close()
	_, err = s.Conn.Write([]byte("GET / HTTP/1.1\r\nHost: hull\r\n\r\n.."))
	check(t, err)
	var exit *exec.ExitError
	if err := s.Process.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(stderr.String(), "magic") {
		t.Errorf("%v: %s", err, stderr.Bytes())
	}
}

func TestArgumentsThatMakeNoSense(t *testing.T) {
	for _, args := range [][]string{
		{},
		{"-fd", "3"},
		{"-fd", "3", "-dir", "3"},
		{"-fd", "3", "-dir", "4", "more"},
		{"-fd", "3", "-dir", "4", "-cache", "never"},
		{"-fd", "3", "-dir", "4", "-owner", "5"},
	} {
		if _, err := parse(args, new(bytes.Buffer)); err == nil {
			t.Errorf("%q is accepted", args)
		}
	}
	o, err := parse([]string{"-fd", "3", "-dir", "4", "-readonly", "-owner", "5:6"}, new(bytes.Buffer))
	if err != nil || !o.fs.ReadOnly || o.fs.Owner == nil || o.fs.Owner.GID != 6 {
		t.Errorf("%+v, %v", o, err)
	}
}
