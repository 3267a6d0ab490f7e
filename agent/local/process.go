package local

import (
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/agent"
	"github.com/hullvm/hull/agent/reap"
)

// process is one that a Spawner started. It is an [agent.Running].
type process struct {
	child          *reap.Child
	group          *cgroup
	terminal       *os.File // the near end, or nil
	stdin          *os.File // of a pipe, or nil
	stdout, stderr *output  // or nil
}

// open makes the process's streams and returns its ends of them, also where
// there is an error.
func (pr *process) open(p *agent.Program) (far [3]*os.File, err error) {
	if p.TTY {
		near, tty, err := openPTY(p.Size)
		if err != nil {
			return far, startErr("terminal", err)
		}
		pr.terminal = near
		pr.stdout = &output{file: near, tty: true}
		return [3]*os.File{tty, tty, tty}, nil
	}
	if p.Stdin == agent.StreamNull {
		far[0], err = os.OpenFile(os.DevNull, os.O_RDONLY, 0)
	} else {
		far[0], pr.stdin, err = os.Pipe()
	}
	if err != nil {
		return far, startErr("standard input", err)
	}
	if far[1], pr.stdout, err = openOutput(p.Stdout); err != nil {
		return far, startErr("standard output", err)
	}
	if p.Stderr == agent.StreamStdout {
		far[2] = far[1]
	} else if far[2], pr.stderr, err = openOutput(p.Stderr); err != nil {
		return far, startErr("standard error", err)
	}
	return far, nil
}

func openOutput(s agent.Stream) (*os.File, *output, error) {
	if s == agent.StreamNull {
		f, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
		return f, nil, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	return w, &output{file: r}, nil
}

func (pr *process) PID() int { return pr.child.PID() }

func (pr *process) Stdin() io.WriteCloser {
	switch {
	case pr.terminal != nil:
		return terminalInput{pr.terminal}
	case pr.stdin != nil:
		return pr.stdin
	}
	return nil
}

func (pr *process) Stdout() io.ReadCloser { return stream(pr.stdout) }
func (pr *process) Stderr() io.ReadCloser { return stream(pr.stderr) }

// stream is o, and not an interface with a nil *output in it.
func stream(o *output) io.ReadCloser {
	if o == nil {
		return nil
	}
	return o
}

func (pr *process) Signal(sig unix.Signal, group bool) error {
	if group {
		return pr.child.SignalGroup(sig)
	}
	return pr.child.Signal(sig)
}

func (pr *process) Resize(size agent.WinSize) error {
	if pr.terminal == nil {
		return nil
	}
	return control(pr.terminal, func(fd int) error { return setSize(fd, size) })
}

// Kill ends the process and what it started: all of it where it has a cgroup,
// else its process group.
func (pr *process) Kill() {
	if !pr.group.kill() {
		_ = pr.child.SignalGroup(unix.SIGKILL)
	}
}

// killAll is Kill for the process whose number is pid and still its own.
func (pr *process) killAll(pid int) {
	if !pr.group.kill() {
		_ = unix.Kill(-pid, unix.SIGKILL)
	}
}

func (pr *process) Wait() agent.Exit {
	ws, ru, err := pr.child.Wait()
	if err != nil {
		return agent.Exit{Code: 255} // somebody else has waited for it
	}
	return agent.NewExit(ws, ru)
}

func (pr *process) Release() {
	if pr.stdin != nil {
		_ = pr.stdin.Close()
	}
	for _, o := range [...]*output{pr.stdout, pr.stderr} {
		if o != nil {
			_ = o.Close()
		}
	}
	if pr.terminal != nil {
		_ = pr.terminal.Close()
	}
	pr.group.close()
}
