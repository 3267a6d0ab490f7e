package spawn

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/devices/devicestest"
	"github.com/hullvm/hull/internal/guesttest"
	"github.com/hullvm/hull/monitor/startup"
	"github.com/hullvm/hull/peripherals/handover"
	"github.com/hullvm/hull/peripherals/host"
)

// config is a machine whose monitor is a fake, and what it was opened of.
func config(t *testing.T, program string) Config {
	t.Helper()
	devicestest.CheckGoroutines(t)
	dir := t.TempDir()
	disk := filepath.Join(dir, "disk")
	kernel := filepath.Join(dir, "kernel")
	if err := errors.Join(os.WriteFile(disk, make([]byte, 1<<20), 0o600), os.WriteFile(kernel, []byte("k"), 0o600)); err != nil {
		t.Fatal(err)
	}
	m, err := configs.Parse("test.toml", []byte(`
[boot]
kernel = "k"
initrd = "none"
[[disk]]
name = "root"
path = "`+disk+`"
format = "raw"
[vsock]
path = "`+filepath.Join(dir, "v.sock")+`"
`))
	if err != nil {
		t.Fatal(err)
	}
	h, err := host.Open(t.Context(), m, host.Options{Monitor: true, KVM: os.DevNull})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	c := Config{Program: fake(t, program), Machine: m, Cmdline: "quiet", Host: h, Kernel: open(t, kernel), Control: listen(t)}
	return c
}

func open(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// listen is a control socket.
func listen(t *testing.T) *os.File {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(t.TempDir(), "control"), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	f, err := l.File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func TestAProcessFromItsStartToItsEnd(t *testing.T) {
	for _, jailed := range []bool{false, true} {
		t.Run(fmt.Sprintf("jail %v", jailed), func(t *testing.T) {
			c := config(t, "obedient")
			c.Jail = jailed
			placed := 0
			c.Placed = func(pid int) error {
				placed = pid
				return unix.Kill(pid, 0)
			}
			p, err := Start(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			if placed != p.PID {
				t.Errorf("placed was %d, want %d", placed, p.PID)
			}
			if err := c.Host.Files.Left(); err != nil {
				t.Errorf("files are still open here: %v", err)
			}
			select {
			case <-p.Ended():
				t.Fatal("it has ended")
			default:
			}
			for range 2 {
				if err := p.Abandon(); err != nil {
					t.Error(err)
				}
			}
			exit, err := p.Exit()
			if err != nil || exit.Reason != "kill" || exit.Error != "quiet" {
				t.Errorf("it ended with %+v, %v", exit, err)
			}
			if err := errors.Join(p.Wait(), p.Kill()); err != nil {
				t.Error(err)
			}
		})
	}
}

// The process has the descriptors that it is to have, each what it should be, and no
// other of this process's.
func TestNoDescriptorIsLeftOpen(t *testing.T) {
	c := config(t, "obedient")
	c.Jail = true
	secret := open(t, os.Args[0])
	fds := make(map[int]string)
	c.Placed = func(pid int) error {
		links, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
		if err != nil {
			return err
		}
		for _, l := range links {
			n, err := strconv.Atoi(filepath.Base(l))
			if err != nil {
				return err
			}
			link, err := os.Readlink(l)
			if errors.Is(err, fs.ErrNotExist) {
				continue // the runtime had it open for a moment
			}
			if err != nil {
				return err
			}
			fds[n] = link
		}
		return nil
	}
	manifest, files, err := c.files()
	if err != nil {
		t.Fatal(err)
	}
	want := map[int]string{0: os.DevNull, 1: os.DevNull, 2: os.DevNull, startup.ConfigFD: "pipe:", startup.LifelineFD: "pipe:", startup.ExitFD: "pipe:", startup.ControlFD: "socket:"}
	for i, f := range files {
		link, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", f.Fd()))
		if err != nil {
			t.Fatal(err)
		}
		want[startup.FirstFD+i] = link
	}
	want[startup.FirstFD+len(files)] = c.Program          // which is closed by those that are no fakes
	if n := manifest.Count(); n != len(files) || n != 5 { // the kernel, the disk, the broker, the listener, and KVM
		t.Errorf("the manifest has %d, want 5: %v", n, manifest)
	}
	p, err := Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Kill()
	for n, w := range want {
		if !strings.HasPrefix(fds[n], w) {
			t.Errorf("descriptor %d is %q, want %q", n, fds[n], w)
		}
		delete(fds, n)
	}
	for n, is := range fds {
		// What the runtime has opened itself, for good or for a moment.
		if strings.HasPrefix(is, fmt.Sprintf("/proc/%d/", p.PID)) {
			continue
		}
		if !slices.Contains([]string{"anon_inode:[eventpoll]", "anon_inode:[eventfd]"}, is) && !strings.HasPrefix(is, "/sys/fs/cgroup/") {
			t.Errorf("descriptor %d is %q, and not to be there", n, is)
		}
	}
	if err := secret.Close(); err != nil {
		t.Error(err)
	}
}

func TestArchivesOfAnInitrdAreHandedOverInOrder(t *testing.T) {
	c := config(t, "obedient")
	none, _, err := c.files()
	if err != nil || slices.ContainsFunc(none, func(e handover.Entry) bool { return e.Use == handover.Initrd }) {
		t.Errorf("without one: %v, %v", none, err)
	}
	first, second := open(t, os.DevNull), open(t, "spawn_test.go")
	c.Initrd = []*os.File{first, second}
	m, files, err := c.files()
	if err != nil {
		t.Fatal(err)
	}
	want := handover.Entry{Use: handover.Initrd, Files: []string{os.DevNull, "spawn_test.go"}}
	if len(m) < 2 || !reflect.DeepEqual(m[1], want) || files[1] != first || files[2] != second {
		t.Errorf("handed over are %v", m)
	}
}

// A machine that waits for another one is handed nothing to begin with.
func TestAMachineThatWaitsIsHandedNothing(t *testing.T) {
	c := config(t, "obedient")
	c.Kernel, c.Incoming = nil, true
	m, _, err := c.files()
	if err != nil || slices.ContainsFunc(m, func(e handover.Entry) bool { return e.Use == handover.Kernel || e.Use == handover.State }) {
		t.Errorf("handed over are %v, %v", m, err)
	}
	text, err := c.startup(m)
	if err != nil {
		t.Fatal(err)
	}
	if s, err := startup.Read(bytes.NewReader(text)); err != nil || !s.Incoming {
		t.Errorf("the process reads %+v, %v", s, err)
	}
}

func TestProcessesThatDoNotComeToAnything(t *testing.T) {
	for name, test := range map[string]struct {
		program string
		change  func(*Config)
		want    string
	}{
		"early":            {"early", bigMachine, "monitor: no wish to"},
		"mute":             {"mute", bigMachine, "it ended before it had its machine: exit status 3"},
		"no program":       {"mute", func(c *Config) { c.Program = "/no/such" }, "monitor: start: open /no/such: no such file"},
		"not placed":       {"obedient", func(c *Config) { c.Placed = func(int) error { return errors.New("no room") } }, "monitor: no room"},
		"no kernel":        {"obedient", func(c *Config) { c.Kernel = nil }, "no kernel"},
		"a kernel to wait": {"obedient", func(c *Config) { c.Incoming = true }, "a kernel or a state for a machine that waits"},
		"no archive":       {"obedient", func(c *Config) { c.Initrd = []*os.File{c.Kernel, nil} }, "initrd of 2 archives"},
		"many archives":    {"obedient", func(c *Config) { c.Initrd = slices.Repeat([]*os.File{c.Kernel}, 17) }, "initrd of 17 archives"},
		"no machine":       {"obedient", func(c *Config) { c.Machine = nil }, "no machine"},
		"a large command":  {"obedient", func(c *Config) { c.Cmdline = strings.Repeat("x", startup.MaxConfig) }, "configuration: "},
	} {
		t.Run(name, func(t *testing.T) {
			c := config(t, test.program)
			c.Jail = true
			test.change(&c)
			before := children(t)
			p, err := Start(t.Context(), c)
			if err == nil {
				_ = p.Kill()
				t.Fatal("it starts")
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %q does not say %q", err, test.want)
			}
			if after := children(t); after != before {
				t.Errorf("children %q are left, there were %q", after, before)
			}
		})
	}
}

// bigMachine has more to say than a pipe takes without a reader.
func bigMachine(c *Config) { c.Cmdline = strings.Repeat("x", 1<<20) }

func children(t *testing.T) string {
	t.Helper()
	files, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		t.Fatal(err)
	}
	var all []byte
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, syscall.ESRCH) {
			t.Fatal(err)
		}
		all = append(all, b...)
	}
	return string(all)
}

func TestAStartThatIsGivenUp(t *testing.T) {
	c := config(t, "deaf")
	bigMachine(&c)
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	c.Placed = func(int) error {
		cancel(enough)
		return nil
	}
	if p, err := Start(ctx, c); !errors.Is(err, enough) {
		t.Errorf("%v, %v, want %v", p, err, enough)
	}
}

func TestEndingsThatAreNone(t *testing.T) {
	c := config(t, "chatty")
	p, err := Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Exit(); !errors.Is(err, startup.ErrNoEnding) {
		t.Errorf("%v", err)
	}
	c = config(t, "stubborn")
	if p, err = Start(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(p.Abandon(), p.Kill()); err != nil {
		t.Error(err)
	}
	var exit *exec.ExitError
	if _, err := p.Exit(); !errors.Is(err, startup.ErrNoEnding) || !errors.As(err, &exit) {
		t.Errorf("%v", err)
	}
	if err := p.Wait(); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != unix.SIGKILL {
		t.Errorf("it ended by %v", err)
	}
}

// A program is run by another user than who may go to it.
func TestTheProgramIsInAPrivateFolder(t *testing.T) {
	c := config(t, "obedient")
	c.Jail, c.UID = true, 54321
	if err := os.Chmod(filepath.Dir(c.Program), 0o700); err != nil {
		t.Fatal(err)
	}
	owner := ""
	c.Placed = func(pid int) (err error) {
		owner, err = os.Readlink(fmt.Sprintf("/proc/%d/ns/user", pid))
		return err
	}
	p, err := Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Kill()
	if ours, err := os.Readlink("/proc/self/ns/user"); err != nil || owner == ours {
		t.Errorf("it has no namespace of users: %v", err)
	}
}

// As root, the process is another user of this host, and its namespaces are its own.
func TestTheProcessIsAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		guesttest.Missing(t, "root, who alone becomes another user")
	}
	c := config(t, "obedient")
	c.Jail, c.UID = true, 54321
	spaces := make(map[string]string)
	status := ""
	c.Placed = func(pid int) error {
		for _, name := range []string{"user", "mnt", "pid", "net", "ipc", "uts", "cgroup"} {
			link, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", pid, name))
			if err != nil {
				return err
			}
			spaces[name] = link
		}
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		status = string(b)
		return err
	}
	p, err := Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Kill()
	for _, line := range []string{"\nUid:\t54321\t54321\t54321\t54321\n", "\nGid:\t54321\t54321\t54321\t54321\n", "\nGroups:\t \n"} {
		if !strings.Contains(status, line) {
			t.Errorf("its status has no %q:\n%s", line, status)
		}
	}
	for name, link := range spaces {
		ours, err := os.Readlink("/proc/self/ns/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if ours == link {
			t.Errorf("it has this process's namespace %s", name)
		}
	}
}

// An ordinary user's process has namespaces where ordinary users may have them, and
// is started all the same where not.
func TestAsAUser(t *testing.T) {
	if os.Getenv(asUser) == "" {
		t.Skip("run as one, by the test below")
	}
	c := config(t, "obedient")
	c.Jail, c.UID = true, 1 // which is for root to choose
	uid := ""
	c.Placed = func(pid int) error {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		for line := range strings.Lines(string(b)) {
			if strings.HasPrefix(line, "Uid:") {
				uid = line
			}
		}
		return err
	}
	p, err := Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Abandon(); err != nil {
		t.Error(err)
	}
	if exit, err := p.Exit(); err != nil || exit.Reason != "kill" {
		t.Errorf("it ended with %+v, %v", exit, err)
	}
	if want := fmt.Sprintf("Uid:\t%d\t", os.Getuid()); !strings.HasPrefix(uid, want) {
		t.Errorf("it was %q, want %q", uid, want)
	}
}

const asUser = "HULL_TEST_AS_USER"

func TestAnyUserStartsOne(t *testing.T) {
	if os.Getenv(asUser) != "" || os.Geteuid() != 0 {
		t.Skip("the other tests are run as an ordinary user then")
	}
	self := fake(t, "obedient")
	test := filepath.Join(filepath.Dir(self), "test")
	if err := os.Rename(self, test); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(test, "-test.run=^TestAsAUser$", "-test.v")
	cmd.Env = []string{asUser + "=1"}
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestAsAUser") {
		t.Errorf("%v\n%s", err, out)
	}
}
