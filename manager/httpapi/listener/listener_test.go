package listener

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/internal/guesttest"
)

// dialVariable has this binary connect to a socket and print what it is told.
const dialVariable = "HULL_TEST_DIAL"

// activatedVariable has this binary serve one client of what systemd has handed it.
const activatedVariable = "HULL_TEST_ACTIVATED"

func activated() {
	list, err := Activated(nil)
	if err != nil || len(list) != 1 {
		fmt.Print(list, err)
		return
	}
	c, err := list[0].Accept()
	if err != nil {
		fmt.Print(err)
		return
	}
	fmt.Fprint(c, c.(*Conn).Admitted())
	c.Close()
}

func TestMain(m *testing.M) {
	if os.Getenv(activatedVariable) != "" {
		activated()
		return
	}
	path := os.Getenv(dialVariable)
	if path == "" {
		os.Exit(m.Run())
	}
	c, err := net.Dial("unix", path)
	if err != nil {
		fmt.Print(err)
		return
	}
	_, _ = io.Copy(os.Stdout, c)
}

func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "hull") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func open(t *testing.T, path string) net.Listener {
	t.Helper()
	l, err := Unix(t.Context(), UnixOptions{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// judged connects and returns what the listener thinks of this process.
func judged(t *testing.T, l net.Listener, network, address string) error {
	t.Helper()
	c, err := net.Dial(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	theirs, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	return theirs.(*Conn).Admitted()
}

func TestTheSocketIsForItsGroupAndGoesWithItsListener(t *testing.T) {
	path := filepath.Join(folder(t), "run", "hull.sock")
	old := syscall.Umask(0) // whatever the umask
	defer syscall.Umask(old)
	l := open(t, path)
	info, err := os.Lstat(path)
	if err != nil || info.Mode() != os.ModeSocket|socketMode {
		t.Fatalf("%v, %v", info, err)
	}
	want, err := groupID("")
	if gid := info.Sys().(*syscall.Stat_t).Gid; err != nil || int(gid) != want {
		t.Errorf("group %d, want %d, %v", gid, want, err)
	}
	if err := judged(t, l, "unix", path); err != nil {
		t.Error(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after its end: %v", err)
	}
	open(t, path) // and again
}

func TestOnlyASocketOfNobodyIsReplaced(t *testing.T) {
	dir := folder(t)
	refusal := func(path string) string {
		t.Helper()
		l, err := Unix(t.Context(), UnixOptions{Path: path})
		if err == nil {
			l.Close()
			t.Fatalf("%s was taken", path)
		}
		return err.Error()
	}
	// What a server that was killed has left.
	stale := filepath.Join(dir, "stale")
	dead, err := net.Listen("unix", stale)
	if err != nil {
		t.Fatal(err)
	}
	dead.(*net.UnixListener).SetUnlinkOnClose(false)
	dead.Close()
	if err := judged(t, open(t, stale), "unix", stale); err != nil {
		t.Error(err)
	}
	if got := refusal(stale); !strings.Contains(got, "another server of hull listens on it") {
		t.Error(got)
	}
	// Somebody else's.
	other := filepath.Join(dir, "other")
	theirs, err := net.Listen("unix", other)
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	if got := refusal(other); !strings.Contains(got, "another program listens on it") {
		t.Error(got)
	}
	// What is none.
	file, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
	if err := errors.Join(os.WriteFile(file, []byte("precious"), 0o600), os.Symlink(stale, link)); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, link, dir} {
		if got := refusal(path); !strings.Contains(got, "no socket") && path != dir {
			t.Error(got)
		}
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != "precious" {
		t.Errorf("%q, %v", b, err)
	}
	long := filepath.Join(dir, strings.Repeat("x", maxPath))
	if got := refusal(long); !strings.Contains(got, "at most 107") || !strings.Contains(got, "HULL_RUN_DIR") {
		t.Error(got)
	}
	l, err := Unix(t.Context(), UnixOptions{Path: filepath.Join(dir, "g"), Group: "no-such-group"})
	if err == nil || !strings.Contains(err.Error(), `"no-such-group"`) {
		t.Errorf("%v %v", l, err)
	}
}

func TestTheOwnFolderIsOpenedToTheGroupAlone(t *testing.T) {
	dir := filepath.Join(folder(t), "run")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := Unix(t.Context(), UnixOptions{Path: filepath.Join(dir, "hull.sock"), OwnFolder: true})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o710 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// dialAs connects as another user, with groups, and returns what the listener thinks
// of it.
func dialAs(t *testing.T, l net.Listener, path string, uid, gid uint32, groups []uint32) error {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(filepath.Dir(path), "self") // where others can reach it
	b, err := os.ReadFile(self)
	if err == nil {
		err = os.WriteFile(copied, b, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer os.Remove(copied)
	cmd := exec.Command(copied)
	cmd.Env = []string{dialVariable + "=" + path}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: gid, Groups: groups}}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait() //nolint:errcheck // what it thinks is no matter
	_ = l.(interface{ SetDeadline(time.Time) error }).SetDeadline(time.Now().Add(30 * time.Second))
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.(*Conn).Admitted()
}

func TestStrangersAreNotAdmitted(t *testing.T) {
	if os.Geteuid() != 0 {
		guesttest.Missing(t, "root, to connect as other users")
	}
	path := filepath.Join(folder(t), "hull.sock")
	l := open(t, path)
	// As if the file's mode let everybody connect: the kernel is one wall, this
	// another.
	const group = 12345
	l.(*unixListener).gid = group
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	many := make([]uint32, 100)
	for i := range many {
		many[i] = uint32(20_000 + i)
	}
	for _, test := range []struct {
		uid, gid uint32
		groups   []uint32
		admitted bool
	}{
		{0, 0, nil, true},
		{0, 77, nil, true},
		{4321, group, nil, true},
		{4321, 77, []uint32{1, group, 3}, true},
		{4321, 77, append(slices.Clone(many), group), true},
		{4321, 77, nil, false},
		{4321, 0, []uint32{0}, false},
		{4321, 77, many, false},
	} {
		err := dialAs(t, l, path, test.uid, test.gid, test.groups)
		if (err == nil) != test.admitted {
			t.Errorf("user %d, group %d, %d more: %v", test.uid, test.gid, len(test.groups), err)
		}
		if err != nil && !strings.Contains(err.Error(), "user 4321 may not use this server") {
			t.Error(err)
		}
	}
	l.(*unixListener).gid = -1
	if err := dialAs(t, l, path, 4321, 77, nil); err == nil {
		t.Error("a socket of no group admits strangers")
	}
}

func TestSocketsOfSystemdAreTaken(t *testing.T) {
	path := filepath.Join(folder(t), "hull.sock")
	made, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	made.(*net.UnixListener).SetUnlinkOnClose(false)
	f, err := made.(*net.UnixListener).File()
	if err != nil {
		t.Fatal(err)
	}
	made.Close()
	list, err := adopt([]*os.File{f}, nil)
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	if gid := list[0].(*unixListener).gid; gid != os.Getegid() {
		t.Errorf("group %d", gid)
	}
	if err := judged(t, list[0], "unix", path); err != nil {
		t.Error(err)
	}
	if err := list[0].Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("systemd's socket was removed: %v", err)
	}
}

func TestSocketsOfSystemdThatCannotBeServedAreRefused(t *testing.T) {
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	socket, err := tcp.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	if list, err := adopt([]*os.File{socket}, nil); !errors.Is(err, errPlainTCP) || list != nil {
		t.Errorf("TCP without TLS: %v, %v", list, err)
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	if list, err := adopt([]*os.File{null}, nil); err == nil || list != nil {
		t.Errorf("what is no socket: %v", list)
	}
	if err := null.Close(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("a descriptor is left: %v", err)
	}
}

func TestActivationIsByTheEnvironment(t *testing.T) {
	t.Setenv("LISTEN_PID", strconv.Itoa(os.Getpid()+1))
	t.Setenv("LISTEN_FDS", "1")
	if list, err := Activated(nil); err != nil || len(list) != 0 {
		t.Errorf("another process's: %v, %v", list, err)
	}
	if _, there := os.LookupEnv("LISTEN_FDS"); there {
		t.Error("children would take themselves for activated")
	}
}

func TestASocketIsHandedOverByDescriptor(t *testing.T) {
	path := filepath.Join(folder(t), "hull.sock")
	made, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer made.Close()
	f, err := made.(*net.UnixListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", "-c", `LISTEN_PID=$$ LISTEN_FDS=1 exec "$0"`, self)
	cmd.Env = append(os.Environ(), activatedVariable+"=1")
	cmd.ExtraFiles = []*os.File{f}
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	if b, err := io.ReadAll(c); err != nil || string(b) != "<nil>" {
		t.Errorf("%q, %v", b, err)
	}
	if err := cmd.Wait(); err != nil || said.Len() > 0 {
		t.Errorf("%v: %s", err, said.String())
	}
}

func TestFileGroup(t *testing.T) {
	dir := folder(t)
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{dir: int(st.Gid), dir + "/none": -1, "": -1, "@abstract": -1} {
		if got := fileGroup(path); got != want {
			t.Errorf("%q: %d", path, got)
		}
	}
}

func TestTCPWithoutCertificatesIsRefused(t *testing.T) {
	if _, err := TCP(t.Context(), "127.0.0.1:0", nil); !errors.Is(err, errPlainTCP) {
		t.Errorf("%v", err)
	}
	if c, err := (TLSFiles{}).Config(); c != nil || err != nil {
		t.Errorf("%v, %v", c, err)
	}
	for _, f := range []TLSFiles{{Cert: "a"}, {Cert: "a", Key: "b"}, {ClientCA: "c"}, {Key: "b", ClientCA: "c"}} {
		if _, err := f.Config(); err == nil || !strings.Contains(err.Error(), "belong together") {
			t.Errorf("%+v: %v", f, err)
		}
	}
}
