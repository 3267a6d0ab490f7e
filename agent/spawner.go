package agent

import (
	"io"

	"golang.org/x/sys/unix"
)

// Spawner starts programs for a [Server]. Package agent/local has the one that
// starts real processes.
type Spawner interface {
	// Start starts a program. The server gives the client the errno in the
	// error's chain, if there is one, and its text.
	Start(*Program) (Running, error)
}

// Program is what a Spawner starts.
type Program struct {
	Args []string // at least one, the first not empty
	Env  []string // NAME=value
	Dir  string   // "" is /

	// TTY makes all three streams one terminal of this Size; the Streams below
	// do not matter then.
	TTY  bool
	Size WinSize

	User *User // nil: the agent's own

	KillLeft bool // Kill what the process leaves behind, as it ends

	Stdin, Stdout, Stderr Stream
}

// Stream is what a standard stream of a Program leads to.
type Stream int

const (
	StreamPipe   Stream = iota // the client
	StreamNull                 // /dev/null
	StreamStdout               // for Stderr: wherever Stdout leads
)

// start starts what a request asks for.
func (s *Server) start(req *spawnRequest) (Running, error) {
	if req.has(spawnBuiltin) {
		return s.builtins.start(req.program())
	}
	return s.spawner.Start(req.program())
}

// Running is a process that a Spawner started. Its methods may be called from
// any goroutine, and after its end.
type Running interface {
	// PID is in the PID namespace of the Spawner.
	PID() int

	// Stdin, Stdout and Stderr are the server's ends of the streams, and nil
	// where a stream leads elsewhere. With a terminal Stderr is nil, and to
	// close Stdin types the end-of-file character. To close Stdout or Stderr
	// tells the process that nobody reads it any more. After the process's end
	// a Read gives what had been written by then, and then io.EOF, whoever else
	// still has the other end open.
	Stdin() io.WriteCloser
	Stdout() io.ReadCloser
	Stderr() io.ReadCloser

	// Signal sends a signal to the process or to the group it leads.
	Signal(sig unix.Signal, group bool) error
	// Resize sets the size of the terminal, if there is one.
	Resize(WinSize) error
	// Kill ends the process and what it started.
	Kill()

	// Wait waits for the end of the process.
	Wait() Exit
	// Release frees what the streams hold. Nothing uses them any more.
	Release()
}

// program is what a request asks for.
func (s *spawnRequest) program() *Program {
	p := &Program{
		Args: s.args, Env: s.env, Dir: s.dir,
		TTY: s.has(spawnTTY), Size: s.size,
		KillLeft: s.has(spawnKillLeft),
	}
	if s.has(spawnUser) {
		user := s.user
		p.User = &user
	}
	if s.has(spawnNullStdin) {
		p.Stdin = StreamNull
	}
	if s.has(spawnNullStdout) {
		p.Stdout = StreamNull
	}
	switch {
	case s.has(spawnMergeStderr):
		p.Stderr = StreamStdout
	case s.has(spawnNullStderr):
		p.Stderr = StreamNull
	}
	return p
}
