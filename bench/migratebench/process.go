package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/hullvm/hull/tests/twohosts"
)

// process is a program on one of the hosts, which ends with these at the latest.
type process struct {
	cmd  *exec.Cmd
	said output
	done chan struct{}
}

// output is what a program writes, which may be read meanwhile.
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

func start(on *twohosts.Host, cmd *exec.Cmd) (*process, error) {
	p := &process{cmd: cmd, done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &p.said, &p.said
	if err := on.Start(cmd); err != nil {
		return nil, err
	}
	go func() {
		_ = cmd.Wait() // the state says it
		close(p.done)
	}()
	return p, nil
}

// wait waits for the program's success.
func (p *process) wait(ctx context.Context) error {
	select {
	case <-p.done:
	case <-ctx.Done():
		return p.explain(context.Cause(ctx))
	}
	if !p.cmd.ProcessState.Success() {
		return p.explain(fmt.Errorf("%s: %v", filepath.Base(p.cmd.Path), p.cmd.ProcessState))
	}
	return nil
}

// explain adds what the program said.
func (p *process) explain(err error) error {
	const most = 500 // bytes
	said := p.said.String()
	return fmt.Errorf("%w: it said %q", err, said[max(0, len(said)-most):])
}

// says waits for a line that begins so, and returns its rest.
func (p *process) says(ctx context.Context, beginning string) (string, error) {
	for {
		for line := range strings.Lines(p.said.String()) {
			if rest, found := strings.CutPrefix(line, beginning); found && strings.HasSuffix(rest, "\n") {
				return strings.TrimSpace(rest), nil
			}
		}
		select {
		case <-p.done:
			return "", p.explain(fmt.Errorf("it ended, and did not say %q", beginning))
		case <-ctx.Done():
			return "", p.explain(context.Cause(ctx))
		case <-time.After(5 * time.Millisecond):
		}
	}
}
