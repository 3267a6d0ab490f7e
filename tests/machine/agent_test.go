package machine

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/hullvm/hull/agent"
)

// guestPath is where guests look for programs.
var guestPath = []string{"PATH=/bin", "HOME=/root"}

// dial connects to a port of the guest by the machine's unix socket, as any
// program of the host would.
func (m *machine) dial(port uint32) (net.Conn, error) {
	c, err := net.Dial("unix", m.socket)
	if err != nil {
		return nil, err
	}
	if _, err := fmt.Fprintf(c, "CONNECT %d\n", port); err != nil {
		_ = c.Close()
		return nil, err
	}
	var line []byte
	for b := make([]byte, 1); ; line = append(line, b[0]) {
		if _, err := io.ReadFull(c, b); err != nil {
			_ = c.Close()
			return nil, fmt.Errorf("after %q: %w", line, err)
		}
		if b[0] == '\n' {
			break
		}
	}
	if !bytes.HasPrefix(line, []byte("OK ")) {
		_ = c.Close()
		return nil, fmt.Errorf("the answer is %q", line)
	}
	return c, nil
}

func (m *machine) connect() *agent.Client {
	m.t.Helper()
	conn, err := m.dial(agent.VsockPort)
	if err != nil {
		m.t.Fatalf("agent: %v", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	client, err := agent.NewClient(ctx, conn)
	if err != nil {
		m.t.Fatal(err)
	}
	return client
}

// process is a program in the guest and what it said.
type process struct {
	m *machine
	*agent.Process
	name           string
	stdout, stderr transcript
}

// begin starts a program in the guest. What cmd leaves open is filled in.
func (m *machine) begin(cmd agent.Command) *process {
	m.t.Helper()
	p := &process{m: m, name: strings.Join(cmd.Args, " ")}
	cmd.Env = append(guestPath[:len(guestPath):len(guestPath)], cmd.Env...)
	if cmd.Stdout == nil {
		cmd.Stdout = &p.stdout
	}
	cmd.Stderr = &p.stderr
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var err error
	if p.Process, err = m.agent.Spawn(ctx, cmd); err != nil {
		m.t.Fatal(err)
	}
	return p
}

// finish waits for the program's end, whatever it is.
func (p *process) finish() agent.Exit {
	p.m.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	exit, err := p.Wait(ctx)
	if err != nil {
		p.m.t.Fatalf("%s: %v\n%s%s", p.name, err, p.stdout.tail(), p.stderr.tail())
	}
	return exit
}

// succeed waits for the program's end, which must be a good one.
func (p *process) succeed() string {
	p.m.t.Helper()
	if exit := p.finish(); exit.Status() != 0 {
		p.m.t.Errorf("%s: %v\n%s%s", p.name, exit, p.stdout.tail(), p.stderr.tail())
	}
	return p.stdout.String()
}

// says waits until the program has written text.
func (p *process) says(text string) {
	p.m.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	over := make(chan struct{})
	go func() {
		defer close(over)
		_, _ = p.Wait(ctx)
	}()
	for {
		news := p.stdout.news()
		if strings.Contains(p.stdout.String(), text) {
			return
		}
		select {
		case <-news:
		case <-over:
			if strings.Contains(p.stdout.String(), text) {
				return
			}
			p.m.t.Fatalf("%s: has not said %q\n%s%s", p.name, text, p.stdout.tail(), p.stderr.tail())
		}
	}
}

// run runs a program in the guest, which must succeed.
func (m *machine) run(args ...string) string {
	m.t.Helper()
	return m.begin(agent.Command{Args: args}).succeed()
}

// sh runs a line of shell in the guest, which must succeed.
func (m *machine) sh(line string) string {
	m.t.Helper()
	return m.run("sh", "-c", line)
}

// builtin has the agent do something itself, which must succeed.
func (m *machine) builtin(stdin io.Reader, stdout io.Writer, args ...string) string {
	m.t.Helper()
	return m.begin(agent.Command{Args: args, Builtin: true, Stdin: stdin, Stdout: stdout}).succeed()
}

// in is the machine for a subtest.
func (m *machine) in(t testing.TB) *machine {
	view := *m
	view.t = t
	return &view
}
