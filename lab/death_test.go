package lab

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// killEmulator ends a host's emulator, and returns when the host counts as dead.
func killEmulator(t *testing.T, l *Lab, s *Status) {
	t.Helper()
	id, err := identify(s.PID)
	if err != nil {
		t.Fatal(err)
	}
	if err := id.kill(unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	awaitState(t, l, s.Name, Dead)
}

// say puts text into the console's log of a host.
func say(t *testing.T, s *Status, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.Dir, consoleLog), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestAnEmulatorThatDiesLeavesADeadHostThatUpReplaces(t *testing.T) {
	l, spec := testLab(t, fakeGood)
	s := mustUp(t, l, spec)
	say(t, s, "Kernel panic\n")
	killEmulator(t, l, s)
	dead, err := l.Status(s.Name)
	if err != nil || !strings.Contains(dead.Why, "signal 9 (killed)") || dead.Died.IsZero() {
		t.Errorf("status %+v, %v; want how the emulator ended", dead, err)
	}
	if _, err := l.Exec(t.Context(), s.Name, Command{Args: sh("true")}); err == nil {
		t.Error("a command in a dead host: no error")
	}
	again := mustUp(t, l, spec)
	if again.State != Running || again.PID == s.PID {
		t.Errorf("status %+v, want a new host", again)
	}
	if want := s.Dir + ".dead-1"; again.Replaced != want {
		t.Errorf("replaced %q, want %q", again.Replaced, want)
	}
	remains := l.Remains()
	if len(remains) != 1 || remains[0].Name != s.Name+".dead-1" || remains[0].State != Dead ||
		remains[0].Why != dead.Why || remains[0].CPUs != s.CPUs || ConsoleEnd(remains[0].Dir) != "Kernel panic" {
		t.Errorf("remains %+v", remains)
	}
	if hosts, err := l.Hosts(); err != nil || len(hosts) != 1 {
		t.Errorf("hosts %+v, %v; want the new one", hosts, err)
	}
	if err := l.RemoveRemains(); err != nil {
		t.Error(err)
	}
	if remains := l.Remains(); len(remains) != 0 {
		t.Errorf("remains after they were removed: %+v", remains)
	}
}

func TestACommandWhoseHostDiesIsToldWhy(t *testing.T) {
	l, spec := testLab(t, fakeGood)
	s := mustUp(t, l, spec)
	say(t, s, "BUG: unable to handle page fault\nKernel panic\n")
	ready, w := pipe(t)
	over := make(chan error, 1)
	go func() {
		_, err := l.Exec(context.Background(), s.Name, Command{Args: sh("echo here; sleep 100"), Env: os.Environ(), Stdout: w})
		w.Close()
		over <- err
	}()
	if _, err := ready.Read(make([]byte, 4)); err != nil {
		t.Fatal(err)
	}
	killEmulator(t, l, s)
	err := <-over
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"the host has died", "signal 9 (killed)", "unable to handle page fault\nKernel panic", s.Dir + ".dead-1"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q, want one with %q", err, want)
		}
	}
}

func TestAHostForOneCommandThatDiesLeavesItsFiles(t *testing.T) {
	l, spec := testLab(t, fakeGood)
	for _, want := range []string{"run.dead-1", "run.dead-2"} {
		s, err := l.Throwaway(t.Context(), spec)
		if err != nil {
			t.Fatal(err)
		}
		// As by `hull lab run`: at once after the command's failure.
		id, err := identify(s.PID)
		if err != nil {
			t.Fatal(err)
		}
		kill := fmt.Sprintf("kill -9 %d; sleep 100", id.PID)
		if _, err := l.Exec(t.Context(), s.Name, Command{Args: sh(kill), Env: os.Environ()}); err == nil {
			t.Fatal("the command outlived its host")
		}
		if err := l.Down(t.Context(), s.Name); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(l.dirs.State, want, recordFile)); err != nil {
			t.Error(err)
		}
	}
}

func TestRemainsAreBoundedInNumberAndSize(t *testing.T) {
	l, _ := testLab(t, fakeGood)
	unlock, err := l.lockAll(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	for i := range maxRemains + 2 {
		dir := filepath.Join(l.dirs.State, "lab")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		end := death{Time: time.Unix(int64(i), 0), Why: "test"}
		if err := writeJSON(dir, recordFile, record{Version: recordVersion, End: &end}); err != nil {
			t.Fatal(err)
		}
		log := strings.Repeat("x", maxRemainsLog) + "the end"
		if err := os.WriteFile(filepath.Join(dir, consoleLog), []byte(log), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := l.bury("lab"); err != nil {
			t.Fatal(err)
		}
	}
	remains := l.Remains()
	if len(remains) != maxRemains {
		t.Errorf("%d remains, want %d", len(remains), maxRemains)
	}
	for _, s := range remains {
		if s.Died.Unix() < 2 {
			t.Errorf("%s of %v is kept, want the newest", s.Name, s.Died)
		}
		b, err := os.ReadFile(filepath.Join(s.Dir, consoleLog))
		if err != nil || len(b) != maxRemainsLog || !strings.HasSuffix(string(b), "the end") {
			t.Errorf("%s: log of %d bytes, %v; want its last %d", s.Name, len(b), err, maxRemainsLog)
		}
	}
}

func TestNamesOfRemains(t *testing.T) {
	for dir, want := range map[string]bool{
		"lab.dead-1": true, "a-2.dead-17": true,
		"lab": false, "lab.dead-": false, "lab.dead-0": false, "lab.dead--1": false, "lab.dead-x": false, ".dead-1": false, "Lab.dead-1": false,
	} {
		if _, _, ok := splitRemains(dir); ok != want {
			t.Errorf("%q: %v, want %v", dir, ok, want)
		}
	}
}

func TestEmulatorEnd(t *testing.T) {
	const coreFlag = 0x80
	for status, want := range map[syscall.WaitStatus]string{
		0:                                "reset itself",
		1 << 8:                           "exit status 1",
		syscall.WaitStatus(unix.SIGSEGV): "signal 11 (segmentation fault)",
		syscall.WaitStatus(unix.SIGABRT) | coreFlag: "signal 6 (aborted), and it dumped core",
	} {
		if got := emulatorEnd(status); !strings.Contains(got, want) {
			t.Errorf("status %#x: %q, want %q", int(status), got, want)
		}
	}
}
