package spawn

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/hullvm/hull/monitor/control"
	"github.com/hullvm/hull/monitor/startup"
)

// Process is a monitor that was started. Its methods may be called from any goroutine.
type Process struct {
	PID int

	cmd    *exec.Cmd
	pipes  *pipes
	ended  chan struct{} // closed after what follows is set
	err    error         // how the process ended
	ending startup.Ending
	noWord error // why there is no ending
}

func newProcess(cmd *exec.Cmd, pipes *pipes) *Process {
	p := &Process{PID: cmd.Process.Pid, cmd: cmd, pipes: pipes, ended: make(chan struct{})}
	go p.watch()
	return p
}

// watch waits for the end, and for the word that goes before it.
func (p *Process) watch() {
	defer close(p.ended)
	read := make(chan struct{})
	go func() {
		defer close(read)
		p.ending, p.noWord = startup.ReadEnding(p.pipes.exit)
	}()
	p.err = p.cmd.Wait()
	<-read // the other end was the process's alone
	_ = p.pipes.closeOurs()
}

func (p *Process) place(placed func(int) error) error {
	if placed == nil {
		return nil
	}
	return placed(p.PID)
}

// startFailed ends a process that did not take its configuration, and finds out why.
func (p *Process) startFailed(ctx context.Context, cause error) error {
	if ctx.Err() != nil {
		return errors.Join(context.Cause(ctx), p.Kill())
	}
	select {
	case <-p.ended:
		// What failed is that it was not there any more.
		cause = fmt.Errorf("it ended before it had its machine: %w", p.err)
	case <-time.After(lastWord):
	}
	if err := p.Kill(); err != nil {
		return errors.Join(cause, err)
	}
	if p.ending.Failed != "" {
		return errors.New(p.ending.Failed)
	}
	return cause
}

// lastWord is how long a process that does not read any more may take to say why.
const lastWord = time.Second

// Ended is closed when the process has ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Wait waits for the process's end. It is nil for status 0, which says that there was
// a machine and that it has ended; otherwise an [exec.ExitError], most likely.
func (p *Process) Wait() error {
	<-p.ended
	return p.err
}

// Exit waits for the process's end, and says how its machine ended. An error is the
// process's word why there was no machine, or that it ended without a word, and how.
func (p *Process) Exit() (control.Exit, error) {
	<-p.ended
	switch {
	case p.noWord != nil && p.err != nil:
		return control.Exit{}, fmt.Errorf("%w: %w", p.noWord, p.err)
	case p.noWord != nil:
		return control.Exit{}, p.noWord
	case p.ending.Exit == nil:
		return control.Exit{}, fmt.Errorf("monitor: %s", p.ending.Failed)
	}
	return *p.ending.Exit, nil
}

// Kill ends the process at once, and waits for that. One that has ended is no error.
func (p *Process) Kill() error {
	err := p.cmd.Process.Kill()
	if errors.Is(err, os.ErrProcessDone) {
		err = nil
	}
	if err != nil {
		return fmt.Errorf("monitor %d: kill: %w", p.PID, err)
	}
	<-p.ended
	return nil
}

// Abandon cuts the process's lifeline: it ends its machine, drains what there is to
// drain, and ends. Who started it does the same by ending.
func (p *Process) Abandon() error {
	if err := p.pipes.lifeline.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		return fmt.Errorf("monitor %d: %w", p.PID, err)
	}
	return nil
}
