package agent

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"sync"

	"golang.org/x/sys/unix"
)

// maxProcesses is how many processes may run on one connection.
const maxProcesses = 1024

// SpawnError says why the agent could not start a program. It answers to
// errors.Is with its errno: unix.ENOENT for a program that is not there,
// unix.EACCES for one that may not be run.
type SpawnError struct {
	Command string
	Errno   unix.Errno // 0: the text alone says it
	Text    string
}

func (e *SpawnError) Error() string { return fmt.Sprintf("command %q: start: %s", e.Command, e.Text) }

func (e *SpawnError) Unwrap() error {
	if e.Errno == 0 {
		return nil
	}
	return e.Errno
}

func decodeRefusal(name string, b []byte) *SpawnError {
	return &SpawnError{
		Command: name,
		Errno:   unix.Errno(binary.LittleEndian.Uint32(b)),
		Text:    string(b[4:]),
	}
}

// Process is a program that the agent started.
type Process struct {
	client *Client
	id     uint32
	name   string

	// Written by whoever settles the start, before started is closed.
	startOnce sync.Once
	started   chan struct{}
	pid       int
	refused   error

	stdin          *sendWindow
	stdout, stderr *recvBuffer

	copies sync.WaitGroup // of stdout and stderr to the caller's writers

	// Written once, before over is closed.
	endOnce sync.Once
	over    chan struct{}
	exit    Exit
	err     error
}

func newProcess(c *Client, cmd *Command, req *spawnRequest) *Process {
	p := &Process{
		client:  c,
		name:    cmd.Args[0],
		started: make(chan struct{}),
		over:    make(chan struct{}),
		stdin:   newSendWindow(),
		stdout:  newRecvBuffer(),
	}
	if !req.has(spawnMergeStderr) && !req.has(spawnTTY) {
		p.stderr = newRecvBuffer()
	}
	return p
}

func (p *Process) isStarted() bool {
	select {
	case <-p.started:
		return true
	default:
		return false
	}
}

// settle says once how the start went; it is false when that was said before.
func (p *Process) settle(pid int, refused error) (first bool) {
	p.startOnce.Do(func() {
		p.pid, p.refused = pid, refused
		close(p.started)
		first = true
	})
	return first
}

func (p *Process) output(c channel) *recvBuffer {
	switch c {
	case chanStdout:
		return p.stdout
	case chanStderr:
		return p.stderr
	}
	return nil
}

// receive starts to copy what the process writes.
func (p *Process) receive(cmd *Command) {
	p.pump(chanStdout, p.stdout, cmd.Stdout)
	if p.stderr != nil {
		p.pump(chanStderr, p.stderr, cmd.Stderr)
	}
}

func (p *Process) pump(c channel, from *recvBuffer, to io.Writer) {
	write := func(b []byte) error {
		if to == nil {
			return nil
		}
		_, err := to.Write(b)
		return err
	}
	credit := func(n int) {
		_ = p.send(typeCredit, c, binary.LittleEndian.AppendUint32(nil, uint32(n)))
	}
	p.copies.Add(1)
	go func() {
		defer p.copies.Done()
		if !from.copyOut(write, credit) {
			// Nobody reads any more: the process gets a SIGPIPE as it would here.
			_ = p.send(typeClose, c, nil)
		}
	}()
}

// feed sends r until its end or that of the process. A Read under way when the
// process ends is not interrupted.
func (p *Process) feed(r io.Reader) {
	buf := make([]byte, maxPayload/2)
	for {
		n := p.stdin.take(len(buf))
		if n == 0 {
			return
		}
		got, err := r.Read(buf[:n])
		if got > 0 {
			if p.send(typeData, chanStdin, buf[:got]) != nil {
				return
			}
		}
		if got < n {
			p.stdin.give(uint32(n - got))
		}
		if err != nil {
			_ = p.send(typeClose, chanStdin, nil)
			return
		}
	}
}

func (p *Process) send(kind frameType, c channel, payload []byte) error {
	select {
	case <-p.over:
		return unix.ESRCH
	default:
	}
	f := frame{kind: kind, channel: c, process: p.id, payload: payload}
	if err := p.client.out.frame(&f); err != nil {
		return fmt.Errorf("command %q: %w: %w", p.name, ErrDisconnected, err)
	}
	return nil
}

// PID is the process's number in the agent's PID namespace.
func (p *Process) PID() int { return p.pid }

// Signal sends a signal to the process. It returns unix.ESRCH when the process
// is known to be gone.
func (p *Process) Signal(sig unix.Signal) error { return p.signal(sig, 0) }

// SignalGroup sends a signal to the process group that the process leads, as a
// terminal does.
func (p *Process) SignalGroup(sig unix.Signal) error { return p.signal(sig, 1) }

// Kill ends the process and its process group.
func (p *Process) Kill() error { return p.SignalGroup(unix.SIGKILL) }

func (p *Process) signal(sig unix.Signal, group uint32) error {
	b := binary.LittleEndian.AppendUint32(nil, uint32(sig))
	return p.send(typeSignal, 0, binary.LittleEndian.AppendUint32(b, group))
}

// Resize tells the process's terminal its new size.
func (p *Process) Resize(size WinSize) error {
	b := binary.LittleEndian.AppendUint16(nil, size.Rows)
	return p.send(typeResize, 0, binary.LittleEndian.AppendUint16(b, size.Columns))
}

// Wait returns how the process ended, when it has and all its output is
// written. It may be called more than once. An error means that this is not
// known: ErrDisconnected, or the end of ctx, which leaves the process alone.
func (p *Process) Wait(ctx context.Context) (Exit, error) {
	select {
	case <-p.over:
	case <-ctx.Done():
		return Exit{}, fmt.Errorf("command %q: wait: %w", p.name, context.Cause(ctx))
	}
	if p.err != nil {
		return Exit{}, fmt.Errorf("command %q: wait: %w", p.name, p.err)
	}
	return p.exit, nil
}

// refuse is the end of a process that did not start.
func (p *Process) refuse(err error) { p.ended(Exit{}, err) }

// ended records the end of the process, and lets Wait return once the output
// is written.
func (p *Process) ended(exit Exit, err error) {
	p.endOnce.Do(func() {
		p.exit, p.err = exit, err
		p.stdin.close()
		p.stdout.end()
		if p.stderr != nil {
			p.stderr.end()
		}
		p.settle(0, err)
		go func() {
			p.copies.Wait()
			close(p.over)
		}()
	})
}

// lost is the end of a process whose connection broke.
func (p *Process) lost(err error) { p.ended(Exit{}, err) }

// drop stops keeping the output of a process that nobody waits for.
func (p *Process) drop() {
	p.stdin.close()
	p.stdout.abandon()
	if p.stderr != nil {
		p.stderr.abandon()
	}
}
