package migration

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/hullvm/hull/tests/guestload"
)

// command is one of Hull's that runs on a side.
type command struct {
	side   *side
	cmd    *exec.Cmd
	stdout output
	stderr output
	ended  chan struct{}
}

// output is what a command writes, which may be read meanwhile.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// start starts hull with arguments on this side.
func (s *side) start(args ...string) *command {
	s.t.Helper()
	c := &command{side: s, cmd: exec.Command(filepath.Join(s.programs, "hull"), args...), ended: make(chan struct{})}
	c.cmd.Env = s.env()
	c.cmd.Stdout, c.cmd.Stderr = &c.stdout, &c.stderr
	s.must(s.Start(c.cmd))
	go func() {
		_ = c.cmd.Wait() // the state says it
		close(c.ended)
	}()
	return c
}

// wait waits for the command's end, and returns its exit status: 128 and more is a signal.
func (c *command) wait() int {
	c.side.t.Helper()
	select {
	case <-c.ended:
	case <-time.After(2 * guestload.Patience):
		c.side.t.Fatalf("it does not end: %v", c)
	}
	status, _ := c.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		return 128 + int(status.Signal())
	}
	return status.ExitStatus()
}

// signal sends one, to a command that may have ended.
func (c *command) signal(sig syscall.Signal) {
	c.side.t.Helper()
	if err := c.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		c.side.t.Errorf("%v: signal %v: %v", c, sig, err)
	}
}

// says waits until the command has written a line to standard error that begins so, and
// returns the rest of the line.
func (c *command) says(beginning string) string {
	c.side.t.Helper()
	for end := time.Now().Add(guestload.Patience); ; time.Sleep(20 * time.Millisecond) {
		for line := range strings.Lines(c.stderr.String()) {
			if rest, ok := strings.CutPrefix(line, beginning); ok && strings.HasSuffix(rest, "\n") {
				return strings.TrimSpace(rest)
			}
		}
		select {
		case <-c.ended:
			c.side.t.Fatalf("it ended, and did not say %q: %v", beginning, c)
		default:
		}
		if time.Now().After(end) {
			c.side.t.Fatalf("it does not say %q: %v", beginning, c)
		}
	}
}

func (c *command) String() string {
	end := "it runs"
	select {
	case <-c.ended:
		end = c.cmd.ProcessState.String()
	default:
	}
	return fmt.Sprintf("%s: hull %s: %s\n%s%s", c.side.name, strings.Join(c.cmd.Args[1:], " "), end, c.stdout.String(), c.stderr.String())
}
