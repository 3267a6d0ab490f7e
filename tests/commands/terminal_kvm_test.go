package commands

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
)

// quiet is a machine file whose guest says that it is ready, and waits.
const quiet = `
[memory]
size = "128MiB"
[boot]
kernel = "debian-cloud"
[init]
exec = ["sh", "-c", "echo ready; exec sleep 100000"]
`

// write makes a machine file.
func (h *host) write(name, text string) {
	h.t.Helper()
	if err := os.WriteFile(filepath.Join(h.dir, name), []byte(text), 0o600); err != nil {
		h.t.Fatal(err)
	}
}

// must runs a command that has to end with status 0, and returns what it prints.
func (h *host) must(command string) string {
	h.t.Helper()
	out, err := h.sh(command)
	if err != nil || h.status != 0 {
		h.t.Fatalf("%s: status %d, %v\n%s", command, h.status, err, out)
	}
	return strings.TrimSpace(out)
}

// screen is a terminal with a command on it.
type screen struct {
	t    *testing.T
	tty  *os.File
	done chan error

	mu   sync.Mutex
	seen bytes.Buffer
}

func (h *host) screen(args ...string) *screen {
	h.t.Helper()
	c := exec.Command("hull", args...)
	for _, e := range h.environ() {
		if dirs, ok := strings.CutPrefix(e, "PATH="); ok {
			c.Path = filepath.Join(strings.Split(dirs, ":")[0], "hull")
		}
	}
	c.Err = nil
	c.Dir, c.Env = h.dir, h.environ()
	tty, err := pty.StartWithSize(c, &pty.Winsize{Rows: 24, Cols: 100})
	if err != nil {
		h.t.Fatal(err)
	}
	s := &screen{t: h.t, tty: tty, done: make(chan error, 1)}
	go func() {
		b := make([]byte, 4096)
		for {
			n, err := tty.Read(b)
			s.mu.Lock()
			s.seen.Write(b[:n])
			s.mu.Unlock()
			if err != nil {
				s.done <- c.Wait()
				return
			}
		}
	}()
	h.t.Cleanup(func() {
		_ = c.Process.Kill() // it has ended by itself, unless the test failed
		tty.Close()
	})
	return s
}

func (s *screen) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen.String()
}

// see waits until the screen has a text, and forgets what is up to it.
func (s *screen) see(want string) {
	s.t.Helper()
	for end := time.Now().Add(commandTime); ; time.Sleep(20 * time.Millisecond) {
		s.mu.Lock()
		i := strings.Index(s.seen.String(), want)
		if i >= 0 {
			s.seen.Next(i + len(want))
		}
		s.mu.Unlock()
		if i >= 0 {
			return
		}
		if time.Now().After(end) {
			s.t.Fatalf("the screen has no %q:\n%q", want, s.text())
		}
	}
}

func (s *screen) typeKeys(keys string) {
	s.t.Helper()
	if _, err := s.tty.WriteString(keys); err != nil {
		s.t.Fatal(err)
	}
}

// status waits for the command's end.
func (s *screen) status() int {
	s.t.Helper()
	select {
	case err := <-s.done:
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return exit.ExitCode()
		}
		if err != nil {
			s.t.Fatal(err)
		}
		return 0
	case <-time.After(commandTime):
		s.t.Fatalf("it does not end:\n%q", s.text())
		return -1
	}
}

func TestTerminals(t *testing.T) {
	h := newHost(t)
	h.write("box.toml", quiet)
	h.must("hull boot -d --name box box.toml")

	t.Run("exec", func(t *testing.T) {
		s := h.screen("exec", "-it", "box", "sh")
		s.typeKeys("echo sum $((40+2))\r")
		s.see("sum 42")
		s.typeKeys("sleep 100\r")
		s.see("sleep 100")
		time.Sleep(300 * time.Millisecond)
		s.typeKeys("\x03echo after\r")
		s.see("after\r\n")
		s.typeKeys("exit 3\r")
		if got := s.status(); got != 3 {
			t.Errorf("status %d", got)
		}
	})
	t.Run("exec that is left", func(t *testing.T) {
		s := h.screen("exec", "-it", "box", "sh", "-c", "echo begun; sleep 99999")
		s.see("begun")
		s.typeKeys("\x10\x11")
		if got := s.status(); got != 0 {
			t.Errorf("status %d", got)
		}
		if out := h.must("hull top box"); !strings.Contains(out, "sleep 99999") {
			t.Errorf("the program is gone:\n%s", out)
		}
	})
	t.Run("attach", func(t *testing.T) {
		h.write("shell.toml", strings.Replace(quiet, `["sh", "-c", "echo ready; exec sleep 100000"]`, `["sh"]`, 1))
		h.must("hull boot -d --name shell shell.toml")
		h.must("hull exec shell true") // the main process is there by then
		s := h.screen("attach", "shell")
		s.typeKeys("echo product $((6*7))\r")
		s.see("product 42")
		s.typeKeys("\x10\x11")
		if got := s.status(); got != 0 {
			t.Errorf("left with status %d", got)
		}
		if out := h.must("hull ps --format '{{.Names}} {{.State}}' -f name=shell"); out != "shell running" {
			t.Errorf("after leaving: %q", out)
		}
		s = h.screen("attach", "--detach-keys", "ctrl-a,d", "shell")
		s.typeKeys("echo quotient $((84/2))\r")
		s.see("quotient 42")
		s.typeKeys("exit 9\r")
		if got := s.status(); got != 9 {
			t.Errorf("ended with status %d, the guest with 9", got)
		}
		if out := h.must("hull logs shell"); !strings.Contains(out, "product 42") || !strings.Contains(out, "quotient 42") {
			t.Errorf("the log has not what was on the screen:\n%s", out)
		}
	})
}
