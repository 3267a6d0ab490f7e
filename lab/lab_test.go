package lab

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// testLab is a lab whose emulator is false (see TestMain). Its hosts end with
// the test.
func testLab(t *testing.T, how string) (*Lab, Spec) {
	t.Helper()
	t.Setenv(fakeVariable, how)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dirs := Dirs{State: filepath.Join(t.TempDir(), "hosts"), Cache: t.TempDir()}
	l, err := Open(dirs, self, keepArgument)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		hosts, err := l.Hosts()
		if err != nil {
			t.Error(err)
		}
		for _, h := range hosts {
			if err := l.Down(context.Background(), h.Name); err != nil && !errors.Is(err, ErrNoHost) {
				t.Error(err)
			}
		}
	})
	return l, Spec{Kernel: "/k", Initrd: "/i", Emulator: self, Idle: -1}
}

// run runs a script in a host and returns its status and output.
func run(t *testing.T, l *Lab, host, script string) (int, string) {
	t.Helper()
	r, w := pipe(t)
	said := make(chan string, 1)
	go func() {
		b, err := io.ReadAll(r)
		if err != nil {
			t.Error(err)
		}
		said <- string(b)
	}()
	status, err := l.Exec(t.Context(), host, Command{Args: sh(script), Env: os.Environ(), Stdout: w, Stderr: w})
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	return status, <-said
}

func mustUp(t *testing.T, l *Lab, spec Spec) *Status {
	t.Helper()
	s, fresh, err := l.Up(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	if !fresh {
		t.Fatal("the host ran already")
	}
	return s
}

func TestAHostsLife(t *testing.T) {
	l, spec := testLab(t, fakeGood)
	s := mustUp(t, l, spec)
	if s.Name != DefaultName || s.State != Running || s.PID <= 1 || s.Mended || s.Memory != DefaultMemory {
		t.Errorf("status %+v", s)
	}
	if status, out := run(t, l, s.Name, "echo hello; exit 4"); status != 4 || out != "hello\n" {
		t.Errorf("command: %d, %q", status, out)
	}
	again, fresh, err := l.Up(t.Context(), spec)
	if err != nil || fresh || again.PID != s.PID {
		t.Errorf("second up: %+v, fresh %v, %v; want the same host", again, fresh, err)
	}
	if text, err := l.Report(t.Context(), s.Name); err != nil || !strings.Contains(text, "RIP=ffffffff81000104") {
		t.Errorf("report %q, %v; want the registers", text, err)
	}
	if err := l.Down(t.Context(), s.Name); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(s.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the directory: %v, want that it is gone", err)
	}
	if _, err := identify(s.PID); err == nil {
		t.Error("the emulator runs on")
	}
	if _, err := l.Status(s.Name); !errors.Is(err, ErrNoHost) {
		t.Errorf("status after down: %v, want ErrNoHost", err)
	}
}

func TestUpAllStartsSeveral(t *testing.T) {
	l, spec := testLab(t, fakeGood)
	var specs []Spec
	for _, name := range []string{"a-1", "a-2"} {
		s := spec
		s.Name = name
		specs = append(specs, s)
	}
	bad := spec
	bad.Name = "Not a name"
	results := l.UpAll(t.Context(), append(specs, bad))
	if results[0].Err != nil || results[1].Err != nil || results[2].Err == nil {
		t.Errorf("results %+v", results)
	}
	hosts, err := l.Hosts()
	if err != nil || len(hosts) != 2 || hosts[0].Name != "a-1" || hosts[1].Name != "a-2" {
		t.Errorf("hosts %+v, %v", hosts, err)
	}
}

func TestAFailedStartSaysWhyAndLeavesNothing(t *testing.T) {
	for how, want := range map[string]string{
		fakeAtOnce: "no such machine",
		fakeMute:   "no answer within",
	} {
		t.Run(how, func(t *testing.T) {
			l, spec := testLab(t, how)
			spec.BootTime = 100 * time.Millisecond
			_, _, err := l.Up(t.Context(), spec)
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v, want one with %q", err, want)
			}
			if hosts, err := l.Hosts(); err != nil || len(hosts) != 0 {
				t.Errorf("hosts %+v, %v; want none", hosts, err)
			}
		})
	}
}

func TestAnInterruptedStartLeavesNothing(t *testing.T) {
	l, spec := testLab(t, fakeMute)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, _, err := l.Up(ctx, spec); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want the deadline", err)
	}
	if hosts, err := l.Hosts(); err != nil || len(hosts) != 0 {
		t.Errorf("hosts %+v, %v; want none", hosts, err)
	}
}

func TestDownEndsAnEmulatorThatDoesNotListen(t *testing.T) {
	l, spec := testLab(t, fakeStubborn)
	s := mustUp(t, l, spec)
	if err := l.Down(t.Context(), s.Name); err != nil {
		t.Fatal(err)
	}
	if _, err := identify(s.PID); err == nil {
		t.Error("the emulator runs on")
	}
}

func TestAKeeperThatDiesTakesTheEmulatorAlong(t *testing.T) {
	l, spec := testLab(t, fakeGood)
	s := mustUp(t, l, spec)
	r, err := readRecord(s.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Keeper.kill(unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	awaitState(t, l, s.Name, Dead)
	for deadline := time.Now().Add(10 * time.Second); r.QEMU.alive(); {
		if time.Now().After(deadline) {
			t.Fatal("the emulator runs on")
		}
		time.Sleep(10 * time.Millisecond)
	}
	if err := l.Down(t.Context(), s.Name); err != nil {
		t.Error(err)
	}
}

func awaitState(t *testing.T, l *Lab, name string, want State) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; {
		s, err := l.Status(name)
		if err != nil {
			t.Fatal(err)
		}
		if s.State == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("state %s, want %s", s.State, want)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestAnIdleHostEndsByItself(t *testing.T) {
	l, spec := testLab(t, fakeGood)
	spec.Idle = 50 * time.Millisecond
	s := mustUp(t, l, spec)
	for deadline := time.Now().Add(10 * time.Second); ; {
		if _, err := os.Lstat(s.Dir); errors.Is(err, os.ErrNotExist) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("it is still there")
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestThrowawayHostsHaveNamesOfTheirOwn(t *testing.T) {
	l, spec := testLab(t, fakeGood)
	a, err := l.Throwaway(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	b, err := l.Throwaway(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	if a.Name == b.Name || !a.Throwaway || a.State != Running {
		t.Errorf("hosts %+v and %+v", a, b)
	}
	if status, _ := run(t, l, a.Name, "exit 6"); status != 6 {
		t.Errorf("status %d, want 6", status)
	}
	if err := errors.Join(l.Down(t.Context(), a.Name), l.Down(t.Context(), b.Name)); err != nil {
		t.Error(err)
	}
	if remains := l.Remains(); len(remains) != 0 {
		t.Errorf("remains of hosts that did not die: %+v", remains)
	}
}

func TestForeignDirectoriesAreNoHosts(t *testing.T) {
	l, _ := testLab(t, fakeGood)
	for _, name := range []string{".tmp-x", "Upper", "with.dot"} {
		if err := os.Mkdir(filepath.Join(l.dirs.State, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(l.dirs.State, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if hosts, err := l.Hosts(); err != nil || len(hosts) != 0 {
		t.Errorf("hosts %+v, %v; want none", hosts, err)
	}
	if err := l.Down(t.Context(), "../hosts"); err == nil {
		t.Error("down of a path: no error")
	}
	if err := os.Mkdir(filepath.Join(l.dirs.State, "empty"), 0o700); err != nil {
		t.Fatal(err)
	}
	hosts, err := l.Hosts()
	if err != nil || len(hosts) != 1 || hosts[0].State != Dead {
		t.Errorf("an empty directory: %+v, %v; want a dead host", hosts, err)
	}
}
