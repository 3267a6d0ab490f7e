package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// Limits of what a peer may take.
const (
	maxConns     = 16               // at once; more wait in the socket
	helloTimeout = 10 * time.Second // until it has said hello
	writeTimeout = 30 * time.Second // for a reply to be taken
)

// acceptPause is how long accepting rests after a failure, which there is where
// descriptors are used up.
const acceptPause = 100 * time.Millisecond

// request is what a frame to the monitor has in it, and reply a frame from it: a
// result or an error.
type request struct {
	Op   string          `json:"op"`
	Args json.RawMessage `json:"args,omitempty"`
}

type reply struct {
	Result json.RawMessage `json:"result,omitempty"`
	Error  *Error          `json:"error,omitempty"`
}

// Server answers the peers of a listener.
type Server struct {
	listener net.Listener
	handler  Handler
	slots    chan struct{} // holds one for each connection

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	conns  sync.WaitGroup

	left chan struct{} // capacity 1: a connection has ended

	mu       sync.Mutex // guards what follows
	open     map[*conn]struct{}
	shutting bool
}

// NewServer returns a server for the peers of l, which it owns.
func NewServer(l net.Listener, h Handler) *Server {
	s := &Server{
		listener: l, handler: h, slots: make(chan struct{}, maxConns),
		left: make(chan struct{}, 1), open: make(map[*conn]struct{}),
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// Serve answers until Shutdown or Close, and returns nil then.
func (s *Server) Serve() error {
	for {
		select {
		case s.slots <- struct{}{}:
		case <-s.ctx.Done():
			return nil
		}
		c, err := s.listener.Accept()
		if err == nil {
			s.take(c)
			continue
		}
		<-s.slots
		switch {
		case s.ending():
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("control socket: accept: %w", err)
		}
		select {
		case <-time.After(acceptPause):
		case <-s.ctx.Done():
		}
	}
}

func (s *Server) ending() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shutting
}

// take serves a connection in a goroutine of its own.
func (s *Server) take(c net.Conn) {
	p := newConn(s.ctx, c, s.handler)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shutting {
		_ = c.Close()
		<-s.slots
		return
	}
	s.open[p] = struct{}{}
	s.conns.Go(func() {
		defer func() { <-s.slots }()
		p.serve()
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.open, p)
		select {
		case s.left <- struct{}{}:
		default:
		}
	})
}

// Linger waits as long as there are connections, but not after done, and no longer
// than that: peers who are there may have something to ask before the end.
func (s *Server) Linger(done <-chan struct{}, most time.Duration) {
	timer := time.NewTimer(most)
	defer timer.Stop()
	for s.connections() > 0 {
		select {
		case <-done:
			return
		case <-timer.C:
			return
		case <-s.left:
		}
	}
}

func (s *Server) connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.open)
}

// Shutdown ends Serve once the requests under way are answered, or when the
// deadline has passed.
func (s *Server) Shutdown(deadline time.Duration) error {
	s.mu.Lock()
	s.shutting = true
	err := s.listener.Close()
	for p := range s.open {
		p.finish()
	}
	s.mu.Unlock()
	timer := time.AfterFunc(deadline, func() { _ = s.Close() })
	s.conns.Wait()
	timer.Stop()
	if errors.Is(err, net.ErrClosed) {
		err = nil
	}
	return errors.Join(err, s.Close())
}

// Close ends Serve and all connections at once.
func (s *Server) Close() error {
	s.mu.Lock()
	s.shutting = true
	err := s.listener.Close()
	s.mu.Unlock()
	s.cancel()
	s.conns.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
