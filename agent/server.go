package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
)

// DefaultMaxProcesses is how many processes a Server runs at once unless its
// options say otherwise.
const DefaultMaxProcesses = 4096

// ServerOptions are what a Server is made of.
type ServerOptions struct {
	// Spawner starts the programs.
	Spawner Spawner

	// Builtins are what the server does itself, by name. May be nil.
	Builtins map[string]Builtin

	// MaxProcesses is how many run at once, those of sessions that are over
	// included; 0 is DefaultMaxProcesses. One session has at most 1,024.
	MaxProcesses int

	// Remark is told, in one line, why a session ended that did not end in
	// order. May be nil.
	Remark func(string)
}

// Server runs programs for the clients of pipes (docs/agent-protocol.md).
type Server struct {
	spawner  Spawner
	builtins builtins
	most     int
	remark   func(string)

	mu      sync.Mutex
	jobs    map[*job]struct{} // running or about to
	change  sync.Cond         // jobs became fewer
	closing bool
}

// NewServer returns a Server. It needs no end of its own: see Shutdown.
func NewServer(o ServerOptions) *Server {
	s := &Server{spawner: o.Spawner, builtins: o.Builtins, most: o.MaxProcesses, remark: o.Remark, jobs: make(map[*job]struct{})}
	if s.most <= 0 {
		s.most = DefaultMaxProcesses
	}
	if s.remark == nil {
		s.remark = func(string) {}
	}
	s.change.L = &s.mu
	return s
}

// Serve runs sessions, one after the other, on a pipe until it ends or ctx
// does, and closes it. The end of the pipe is no error. Processes that were
// spawned without "kill on disconnect" run on. Serve may run on several pipes
// at once.
func (s *Server) Serve(ctx context.Context, conn io.ReadWriteCloser) error {
	var closing sync.Once
	closeConn := func() { closing.Do(func() { conn.Close() }) }
	stop := context.AfterFunc(ctx, closeConn)
	defer stop()

	out := newOutbox(conn)
	err := s.sessions(newFrameReader(conn), out)
	out.close()
	closeConn() // ends a write under way
	<-out.done
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.ErrClosedPipe):
		return nil
	}
	return fmt.Errorf("agent: pipe: read: %w", err)
}

// sessions reads the pipe until it breaks, which is what it returns.
func (s *Server) sessions(fr *frameReader, out *outbox) error {
	h, err := fr.hello(magicClient)
	for {
		if err != nil {
			return err
		}
		answer, ok := h.answer()
		number := out.begin(answer.encode(magicServer))
		if !ok {
			h, err = fr.hello(magicClient)
			continue
		}
		sess := newSession(s, out, number)
		h, err = sess.read(fr)
		out.end()
		sess.end()
		if err != nil && (errors.Is(err, errGarbage) || errors.Is(err, errBye)) {
			if !errors.Is(err, errBye) {
				s.remark(fmt.Sprintf("session ended: %v", err))
			}
			h, err = fr.hello(magicClient)
		}
	}
}

// enter counts a job in; it is false when there are too many, or the server
// is being shut down.
func (s *Server) enter(j *job) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing || len(s.jobs) >= s.most {
		return false
	}
	s.jobs[j] = struct{}{}
	return true
}

func (s *Server) leave(j *job) {
	s.mu.Lock()
	delete(s.jobs, j)
	s.mu.Unlock()
	s.change.Broadcast()
}

// Shutdown kills all processes, those of sessions that are over included, lets
// no more be started, and waits for their ends or that of ctx. Pipes are left
// to the contexts of their Serve.
func (s *Server) Shutdown(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() {
		s.mu.Lock() // or the Wait below could miss it
		defer s.mu.Unlock()
		s.change.Broadcast()
	})
	defer stop()
	s.mu.Lock()
	s.closing = true
	var jobs []*job
	for j := range s.jobs {
		jobs = append(jobs, j)
	}
	s.mu.Unlock()
	for _, j := range jobs {
		j.kill()
		j.detach()
	}
	return s.wait(ctx)
}

// Wait waits until no process runs, or for the end of ctx.
func (s *Server) Wait(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.change.Broadcast()
	})
	defer stop()
	return s.wait(ctx)
}

func (s *Server) wait(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.jobs) > 0 {
		if ctx.Err() != nil {
			return fmt.Errorf("agent: %d processes still run: %w", len(s.jobs), context.Cause(ctx))
		}
		s.change.Wait()
	}
	return nil
}
