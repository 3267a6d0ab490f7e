package main

import (
	"bytes"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hullvm/hull/manager"
)

// outcome is what a run of hull came to.
type outcome struct {
	stdout, stderr string
	status         int
}

// lockedBuffer is a buffer for several goroutines.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// hullApp is a hull that has an engine.
func hullApp(e manager.Engine, stdin *os.File, env map[string]string) (a *app, stdout, stderr *lockedBuffer) {
	stdout, stderr = new(lockedBuffer), new(lockedBuffer)
	return &app{
		Stdin: stdin, Stdout: stdout, Stderr: stderr,
		Getenv: func(name string) string { return env[name] },
		Engine: func() (manager.Engine, error) { return e, nil },
		Now:    func() time.Time { return testNow },
		After: func(time.Duration) <-chan time.Time {
			c := make(chan time.Time, 1)
			c <- testNow
			return c
		},
	}, stdout, stderr
}

// hull runs a command line to its end.
func hull(t *testing.T, e manager.Engine, args ...string) outcome {
	t.Helper()
	a, stdout, stderr := hullApp(e, nil, nil)
	status := a.main(t.Context(), args)
	return outcome{stdout.String(), stderr.String(), status}
}

func (o outcome) want(t *testing.T, stdout, stderr string, status int) {
	t.Helper()
	if diff := cmp.Diff(outcome{stdout, stderr, status}, o, cmp.AllowUnexported(outcome{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func wantCalls(t *testing.T, f *fakeEngine, want ...string) {
	t.Helper()
	slices.Sort(want)
	if diff := cmp.Diff(want, f.asked()); diff != "" {
		t.Errorf("the engine was asked for (-want +got):\n%s", diff)
	}
}
