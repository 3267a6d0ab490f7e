package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hullvm/hull/internal/guesttest"
)

// patience is how long a test waits for a machine: long, because only a hang
// meets it.
const patience = 4 * time.Minute

// program is the hull that the tests run: the one that `make build` made.
func program(t testing.TB) string {
	t.Helper()
	path, err := filepath.Abs("../../bin/hull")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%v: run make build first", err)
	}
	return path
}

// requireKernels skips where the kernel bundles are not there, and fails where
// they should be.
func requireKernels(t testing.TB, names ...string) {
	t.Helper()
	guesttest.RequireKVM(t)
	out, err := exec.Command(program(t), "kernel", "ls", "-q").Output()
	if err != nil {
		t.Fatalf("kernel ls: %v", err)
	}
	have := strings.Fields(string(out))
	for _, name := range names {
		found := false
		for _, h := range have {
			found = found || h == name
		}
		if !found {
			guesttest.Missing(t, "the kernel bundle "+name+": run scripts/kernels.sh "+name)
		}
	}
}

// machine is a running hull and what it said.
type machine struct {
	t    testing.TB
	cmd  *exec.Cmd
	done chan struct{}

	mu     sync.Mutex
	stdout bytes.Buffer
	stderr bytes.Buffer
	news   chan struct{}
}

// start runs hull with standard input from /dev/null, unless prepare says else.
func start(t testing.TB, prepare func(*exec.Cmd), args ...string) *machine {
	t.Helper()
	cmd := exec.Command(program(t), args...)
	if prepare != nil {
		prepare(cmd)
	}
	return startCommand(t, cmd)
}

// startCommand starts a monitor, Hull's or another's.
func startCommand(t testing.TB, cmd *exec.Cmd) *machine {
	t.Helper()
	m := &machine{t: t, cmd: cmd, done: make(chan struct{}), news: make(chan struct{}, 1)}
	m.cmd.Stdout = &tee{m, &m.stdout}
	m.cmd.Stderr = &tee{m, &m.stderr}
	if err := m.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(m.done)
		_ = m.cmd.Wait()
	}()
	t.Cleanup(func() {
		select {
		case <-m.done:
		default:
			_ = m.cmd.Process.Kill()
			<-m.done
		}
	})
	return m
}

// tee collects one of a machine's streams and tells who waits for it.
type tee struct {
	m  *machine
	to *bytes.Buffer
}

func (w *tee) Write(p []byte) (int, error) {
	w.m.mu.Lock()
	w.to.Write(p)
	w.m.mu.Unlock()
	select {
	case w.m.news <- struct{}{}:
	default:
	}
	return len(p), nil
}

func (m *machine) out() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.stdout.String()
}

func (m *machine) err() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.stderr.String()
}

// waitFor waits until the guest has said text.
func (m *machine) waitFor(text string) {
	m.t.Helper()
	deadline := time.After(patience)
	for !strings.Contains(m.out(), text) {
		select {
		case <-m.news:
		case <-m.done:
			if !strings.Contains(m.out(), text) {
				m.t.Fatalf("hull ended (%v) before the guest said %q\n%s\n%s", m.cmd.ProcessState, text, m.out(), m.err())
			}
		case <-deadline:
			m.hang("the guest has not said " + text)
		}
	}
}

// hang ends a test whose machine makes no progress, with all there is to know.
func (m *machine) hang(what string) {
	m.t.Helper()
	for range 3 { // where a vCPU goes round in circles, three looks show the circle
		_ = m.cmd.Process.Signal(syscall.SIGUSR1)
		time.Sleep(300 * time.Millisecond)
	}
	m.t.Fatalf("%s after %v\n--- output\n%s\n--- messages\n%s\n--- KVM\n%s", what, patience, m.out(), m.err(), guesttest.KVMCounters())
}

// status waits for hull's end and returns its exit status, -1 for a signal.
func (m *machine) status() int {
	m.t.Helper()
	select {
	case <-m.done:
	case <-time.After(patience):
		m.hang("hull has not ended")
	}
	return m.cmd.ProcessState.ExitCode()
}

func (m *machine) signal(s syscall.Signal) {
	m.t.Helper()
	if err := m.cmd.Process.Signal(s); err != nil {
		m.t.Fatal(err)
	}
}

// run runs hull to its end.
func run(t testing.TB, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	m := start(t, nil, args...)
	status = m.status()
	return m.out(), m.err(), status
}
