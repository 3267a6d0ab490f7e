package unixsock

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hullvm/hull/devices/virtio/vsock"
)

// Limits of what a client may take before it has its stream.
const (
	lineLimit     = 64               // bytes of its request
	lineTimeout   = 10 * time.Second // until that is there
	answerTimeout = time.Minute      // for the guest, and for it to have a driver
	pendingLimit  = 128              // clients at once; more wait in the socket
)

// acceptPause is how long accepting rests after a failure, which there is where
// descriptors are used up.
const acceptPause = 100 * time.Millisecond

// Joiner is the device that connections are made through.
type Joiner interface {
	Join(ctx context.Context, port uint32, socket vsock.Socket, greet func(hostPort uint32) string) error
}

// Server takes clients of the host that want a port of the guest's.
type Server struct {
	listener *net.UnixListener
	device   Joiner
	pending  chan struct{} // holds one for each client without its stream

	ctx     context.Context // ends with Close
	cancel  context.CancelFunc
	clients sync.WaitGroup

	mu     sync.Mutex                 // guards what follows
	conns  map[*net.UnixConn]struct{} // whose request is awaited
	closed bool
}

// NewServer returns a server for the clients of l, which it owns.
func NewServer(l *net.UnixListener, d Joiner) *Server {
	s := &Server{
		listener: l,
		device:   d,
		pending:  make(chan struct{}, pendingLimit),
		conns:    make(map[*net.UnixConn]struct{}),
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// Serve takes clients until Close, and returns nil then.
func (s *Server) Serve() error {
	for {
		select {
		case s.pending <- struct{}{}:
		case <-s.ctx.Done():
			return nil
		}
		c, err := s.listener.AcceptUnix()
		if err == nil && s.admit(c) {
			continue
		}
		<-s.pending
		switch {
		case s.ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("socket %q: accept: %w", s.listener.Addr(), err)
		case err != nil:
			select {
			case <-time.After(acceptPause):
			case <-s.ctx.Done():
			}
		}
	}
}

// admit begins to serve a client, unless the server is closed.
func (s *Server) admit(c *net.UnixConn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = c.Close()
		return false
	}
	s.conns[c] = struct{}{}
	s.clients.Go(func() {
		defer func() { <-s.pending }()
		s.serve(c)
	})
	return true
}

// serve makes a client's stream, or closes its socket.
func (s *Server) serve(c *net.UnixConn) {
	port, err := request(c)
	s.mu.Lock()
	delete(s.conns, c)
	s.mu.Unlock()
	if err != nil {
		_ = c.Close()
		return
	}
	ctx, cancel := context.WithTimeout(s.ctx, answerTimeout)
	defer cancel()
	// The client learns of an error by the end of its socket.
	_ = s.device.Join(ctx, port, c, func(hostPort uint32) string { return fmt.Sprintf("OK %d\n", hostPort) })
}

// request reads the line of a client, and nothing of what follows.
func request(c *net.UnixConn) (port uint32, err error) {
	if err := c.SetReadDeadline(time.Now().Add(lineTimeout)); err != nil {
		return 0, err
	}
	var line []byte
	for b := make([]byte, 1); ; {
		if _, err := c.Read(b); err != nil {
			return 0, err
		}
		if b[0] == '\n' {
			return parseRequest(string(line))
		}
		if line = append(line, b[0]); len(line) > lineLimit {
			return 0, errors.New("the request is too long")
		}
	}
}

// parseRequest takes a request without its end.
func parseRequest(line string) (port uint32, err error) {
	word, number, ok := strings.Cut(strings.TrimSuffix(line, "\r"), " ")
	if !ok || !strings.EqualFold(word, "CONNECT") {
		return 0, fmt.Errorf("request %q: want CONNECT and a port", line)
	}
	n, err := strconv.ParseUint(number, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("request %q: want a port of 0 to %d", line, uint32(1<<32-1))
	}
	return uint32(n), nil
}

// Close stops listening and ends the clients that have no stream yet; streams go
// on. It returns when nothing of the server runs but Serve, which is about to end.
func (s *Server) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	for c := range s.conns {
		_ = c.Close()
	}
	s.mu.Unlock()
	s.cancel()
	err := s.listener.Close()
	s.clients.Wait()
	if err != nil {
		return fmt.Errorf("socket %q: close: %w", s.listener.Addr(), err)
	}
	return nil
}
