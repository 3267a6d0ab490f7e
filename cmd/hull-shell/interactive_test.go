package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// session is a shell on a terminal.
type session struct {
	t    *testing.T
	tty  *os.File // the near end
	cmd  *exec.Cmd
	over chan struct{} // the far end was closed

	mu   sync.Mutex
	more sync.Cond
	out  bytes.Buffer // what was written and not yet waited for
	eof  bool
}

func startSession(t *testing.T, columns uint16) *session {
	t.Helper()
	near, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	t.Cleanup(func() { near.Close() })
	number := 0
	raw, err := near.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	control := raw.Control(func(fd uintptr) {
		if err = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); err != nil {
			return
		}
		if number, err = unix.IoctlGetInt(int(fd), unix.TIOCGPTN); err != nil {
			return
		}
		err = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: columns})
	})
	if err := errors.Join(err, control); err != nil {
		t.Fatal(err)
	}
	far, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	defer far.Close()

	dir := bin(t)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // a hang is a failure, not the end of the run
	t.Cleanup(cancel)
	s := &session{t: t, tty: near, over: make(chan struct{})}
	s.more.L = &s.mu
	s.cmd = exec.CommandContext(ctx, filepath.Join(dir, "sh"))
	s.cmd.Args[0] = "-sh"
	s.cmd.Env = []string{"PATH=" + dir, "PS1=> ", "GORACE=" + os.Getenv("GORACE")}
	s.cmd.Dir = t.TempDir()
	s.cmd.Stdin, s.cmd.Stdout, s.cmd.Stderr = far, far, far
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go s.read()
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		<-s.over
	})
	return s
}

func (s *session) read() {
	defer close(s.over)
	buf := make([]byte, 4096)
	for {
		n, err := s.tty.Read(buf)
		s.mu.Lock()
		s.out.Write(buf[:n])
		s.eof = err != nil
		s.more.Broadcast()
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (s *session) write(keys string) {
	s.t.Helper()
	if _, err := s.tty.WriteString(keys); err != nil {
		s.t.Fatal(err)
	}
}

// expect waits for a text and drops what came up to it.
func (s *session) expect(text string) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		if at := bytes.Index(s.out.Bytes(), []byte(text)); at >= 0 {
			s.out.Next(at + len(text))
			return
		}
		if s.eof {
			s.t.Fatalf("the shell ended without %q; it wrote %q", text, s.out.String())
		}
		s.more.Wait()
	}
}

// status waits for the end of the shell.
func (s *session) status() int {
	s.t.Helper()
	err := s.cmd.Wait()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exitStatus(exit)
	}
	s.t.Fatal(err)
	return 0
}

func TestInteractiveRunsCommandsAndLeavesWithTheirStatus(t *testing.T) {
	s := startSession(t, 80)
	s.expect("> ")
	s.write("echo a$((1+1))b\r")
	s.expect("a2b\r\n")
	s.expect("> ")
	s.write("sh -c 'exit 5'\r")
	s.expect("> ")
	s.write("echo status $?\r")
	s.expect("status 5\r\n")
	s.expect("> ")
	s.write("exit 3\r")
	if got := s.status(); got != 3 {
		t.Errorf("status %d", got)
	}
}

func TestInteractiveOnALineWithoutASize(t *testing.T) {
	s := startSession(t, 0)
	s.expect("> ")
	s.write("echo " + strings.Repeat("x", 100) + "y\r")
	s.expect("xy\r\n")
	s.expect("> ")
	s.write("\x04") // Ctrl-D
	if got := s.status(); got != 0 {
		t.Errorf("status %d", got)
	}
}

func TestInteractiveEditsAndRemembers(t *testing.T) {
	s := startSession(t, 80)
	s.expect("> ")
	s.write("echo ac\x1b[Db\r") // left
	s.expect("\nabc\r\n")
	s.expect("> ")
	s.write("\x1b[A\x7fd\r") // up, backspace
	s.expect("\nabd\r\n")
}

func TestInteractiveAsksForTheRestOfACommand(t *testing.T) {
	s := startSession(t, 80)
	s.expect("> ")
	s.write("for i in 1 2\r")
	s.expect("> ")
	s.write("do echo n$i\rdone\r")
	s.expect("\nn1\r\nn2\r\n")
	s.expect("> ")
	s.write("echo )\r")
	s.expect("sh: ")
	s.expect("> ")
	s.write("echo $?\r")
	s.expect("\n2\r\n")
}

func TestCtrlCGivesUpALineAndEndsAProgram(t *testing.T) {
	s := startSession(t, 80)
	s.expect("> ")
	s.write("echo given up\x03")
	s.expect("> ")
	s.write("echo $?\r")
	s.expect("\n130\r\n")

	s.expect("> ")
	s.write("echo begun; sleep 1h\r")
	s.expect("\nbegun\r\n")
	s.write("\x03")
	s.expect("> ")
	s.write("echo $?\r")
	s.expect("\n130\r\n")

	s.expect("> ")
	s.write("echo turns; while true; do true; done\r")
	s.expect("\nturns\r\n")
	s.write("\x03")
	s.expect("> ")
	s.write("echo still here\r")
	s.expect("\nstill here\r\n")
}

func TestProgramsHaveACookedTerminal(t *testing.T) {
	s := startSession(t, 80)
	s.expect("> ")
	s.write("stty; tty\r")
	s.expect(" icanon echo ")
	s.expect("/dev/pts/")
	s.expect("> ")
	s.write("stty cols 100; stty size\r")
	s.expect("24 100\r\n")
	s.expect("> ")
	s.write("echo begun; cat\r") // the terminal is cooked by then
	s.expect("\nbegun\r\n")
	s.write("typed\n\x04")
	s.expect("typed\r\ntyped\r\n")
	s.expect("> ")
}

func TestTheEndOfTheTerminalEndsTheShell(t *testing.T) {
	s := startSession(t, 80)
	s.expect("> ")
	s.tty.Close()
	if got := s.status(); got != 128+int(unix.SIGHUP) && got != 1 && got != 0 {
		t.Errorf("status %d", got)
	}
}
