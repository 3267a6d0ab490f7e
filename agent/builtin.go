package agent

import (
	"context"
	"fmt"
	"io"
	"sync"

	"golang.org/x/sys/unix"
)

// Builtin is what a Server does itself, without a program. It is asked for as a
// program is (Command.Builtin), has the same streams, and ends with a status. A
// text for people goes to stderr. It returns soon after ctx has ended; a Read
// or Write of its streams fails then.
type Builtin func(ctx context.Context, b BuiltinCall) int

// BuiltinCall is one call of a Builtin.
type BuiltinCall struct {
	Args []string // Args[0] is the built-in's name
	Env  []string
	Dir  string

	Stdin          io.Reader
	Stdout, Stderr io.Writer
}

// builtins starts built-ins as a Spawner starts programs.
type builtins map[string]Builtin

func (b builtins) start(p *Program) (Running, error) {
	run, ok := b[p.Args[0]]
	if !ok {
		return nil, fmt.Errorf("no built-in of that name: %w", unix.ENOENT)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &builtinRun{cancel: cancel, done: make(chan struct{})}
	call := BuiltinCall{Args: p.Args, Env: p.Env, Dir: p.Dir, Stdin: eof{}, Stdout: io.Discard, Stderr: io.Discard}
	if p.Stdin == StreamPipe {
		var in *io.PipeReader
		in, r.stdin = io.Pipe()
		call.Stdin = in
		r.ours = append(r.ours, in)
	}
	if p.Stdout == StreamPipe {
		var out *io.PipeWriter
		r.stdout, out = io.Pipe()
		call.Stdout = out
		r.ours = append(r.ours, out)
	}
	switch p.Stderr {
	case StreamPipe:
		var out *io.PipeWriter
		r.stderr, out = io.Pipe()
		call.Stderr = out
		r.ours = append(r.ours, out)
	case StreamStdout:
		call.Stderr = call.Stdout
	}
	context.AfterFunc(ctx, r.hangUp)
	go func() {
		defer close(r.done)
		status := run(ctx, call)
		r.mu.Lock()
		if r.exit.Signal == 0 {
			r.exit.Code = status & 0xff
		}
		r.mu.Unlock()
		r.hangUp()
		cancel()
	}()
	return r, nil
}

// eof is a standard input that has ended.
type eof struct{}

func (eof) Read([]byte) (int, error) { return 0, io.EOF }

// builtinRun is a built-in at work. It is a Running without a process.
type builtinRun struct {
	cancel context.CancelFunc
	done   chan struct{}

	stdin          *io.PipeWriter
	stdout, stderr *io.PipeReader
	ours           []io.Closer // the built-in's ends

	mu   sync.Mutex
	exit Exit
}

// hangUp ends the streams from the built-in's side.
func (r *builtinRun) hangUp() {
	for _, c := range r.ours {
		_ = c.Close() // an io.Pipe's never fails
	}
}

func (r *builtinRun) PID() int { return 0 }

func (r *builtinRun) Stdin() io.WriteCloser {
	if r.stdin == nil {
		return nil
	}
	return r.stdin
}

func (r *builtinRun) Stdout() io.ReadCloser { return pipeOrNil(r.stdout) }
func (r *builtinRun) Stderr() io.ReadCloser { return pipeOrNil(r.stderr) }

func pipeOrNil(p *io.PipeReader) io.ReadCloser {
	if p == nil {
		return nil
	}
	return p
}

// Signal ends the built-in, whatever the signal, but for those that mean nothing
// to it.
func (r *builtinRun) Signal(sig unix.Signal, _ bool) error {
	switch sig {
	case 0, unix.SIGWINCH, unix.SIGCONT, unix.SIGCHLD, unix.SIGURG:
		return nil
	}
	r.end(sig)
	return nil
}

func (r *builtinRun) Resize(WinSize) error { return nil }

func (r *builtinRun) Kill() { r.end(unix.SIGKILL) }

func (r *builtinRun) end(sig unix.Signal) {
	r.mu.Lock()
	select {
	case <-r.done: // too late
	default:
		r.exit = Exit{Signal: sig}
	}
	r.mu.Unlock()
	r.cancel()
}

func (r *builtinRun) Wait() Exit {
	<-r.done
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.exit
}

func (r *builtinRun) Release() {
	if r.stdin != nil {
		_ = r.stdin.CloseWithError(io.ErrClosedPipe)
	}
	for _, p := range []*io.PipeReader{r.stdout, r.stderr} {
		if p != nil {
			_ = p.Close()
		}
	}
	r.cancel()
}
