package hosts

import (
	"bufio"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/hullvm/hull/tests/guestload"
)

// host is a lab host with a shell in it. What a command starts in the background lives as
// long as that: the lab kills what the end of a command leaves.
type host struct {
	t     *testing.T
	hull  string
	name  string
	shell *exec.Cmd
	in    io.WriteCloser
	lines chan string
	count int
}

func newHost(t *testing.T, hull, name string) *host {
	t.Helper()
	h := &host{t: t, hull: hull, name: name, lines: make(chan string, 1000)}
	h.shell = exec.Command(hull, "lab", "exec", "-T", "--host", name, "--", "sh")
	var err error
	if h.in, err = h.shell.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := h.shell.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	h.shell.Stderr = h.shell.Stdout
	if err := h.shell.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(h.lines)
		s := bufio.NewScanner(out)
		for s.Scan() {
			h.lines <- s.Text()
		}
	}()
	t.Cleanup(func() {
		h.in.Close()
		_ = h.shell.Wait() // the host says what went wrong
	})
	return h
}

// try runs a script in the host's shell, and returns its exit status and what it writes.
func (h *host) try(script string) (status int, text string) {
	h.t.Helper()
	h.count++
	mark := fmt.Sprintf("=== %s %d status ", h.name, h.count)
	// In braces: the shell is to keep what the script sets, and starts. Standard input is
	// the shell's own script.
	if _, err := fmt.Fprintf(h.in, "{ %s\n} </dev/null 2>&1\necho; echo \"%s$?\"\n", script, mark); err != nil {
		h.t.Fatalf("host %s: %v", h.name, err)
	}
	var b strings.Builder
	timer := time.After(3 * guestload.Patience)
	for {
		select {
		case line, ok := <-h.lines:
			if !ok {
				h.t.Fatalf("host %s: its shell has ended\n%s", h.name, b.String())
			}
			if rest, found := strings.CutPrefix(line, mark); found {
				if _, err := fmt.Sscan(rest, &status); err != nil {
					h.t.Fatalf("host %s: %q", h.name, line)
				}
				return status, strings.TrimSuffix(b.String(), "\n")
			}
			b.WriteString(line + "\n")
		case <-timer:
			h.t.Fatalf("host %s does not answer to:\n%s\n%s", h.name, script, b.String())
		}
	}
}

// do is try for what has to succeed.
func (h *host) do(script string) string {
	h.t.Helper()
	status, text := h.try(script)
	if status != 0 {
		h.t.Fatalf("host %s: status %d of:\n%s\n%s", h.name, status, script, text)
	}
	return text
}

// await runs a script until it succeeds.
func (h *host) await(what, script string) string {
	h.t.Helper()
	for end := time.Now().Add(guestload.Patience); ; time.Sleep(200 * time.Millisecond) {
		status, text := h.try(script)
		if status == 0 {
			return text
		}
		if time.Now().After(end) {
			h.t.Fatalf("host %s: not within %v: %s: status %d\n%s", h.name, guestload.Patience, what, status, text)
		}
	}
}
