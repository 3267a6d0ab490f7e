package fsd

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/internal/fswire"
)

// Handler does FUSE requests. Handle is called from many goroutines; it writes
// the reply into memory that is as large as the asker's, and returns its length.
// For a request that has no reply, that memory is nil, and Handle must not wait.
type Handler interface {
	Handle(request, reply []byte) int
}

// Options say how requests are served.
type Options struct {
	Workers     int // requests done at once; 0 for 16
	MaxInFlight int // requests taken at once; 0 for 128

	Confinement fswire.Confinement // told to the device
	Text        string             // likewise
}

// helloDeadline bounds the wait for a device's hello.
const helloDeadline = 10 * time.Second

// server serves one connection.
type server struct {
	conn    *os.File
	handler Handler
	hello   fswire.ServerHello
	jobs    chan job // half of it for requests that have a reply

	taken atomic.Int64 // requests whose reply is not sent

	mu       sync.Mutex // guards what follows, and writing to conn
	writeErr error
}

// job is a request that a worker is to do.
type job struct {
	header  fswire.Request
	request *buffer
}

// Serve answers the requests that come over conn, a stream socket that does not
// block, until its other end closes it, which is no error, or breaks the
// protocol. When it returns, no request is under way.
func Serve(conn *os.File, h Handler, o Options) error {
	if o.Workers <= 0 {
		o.Workers = 16
	}
	if o.MaxInFlight <= 0 {
		o.MaxInFlight = 128
	}
	s := &server{
		conn: conn, handler: h,
		hello: fswire.ServerHello{
			Version: fswire.Version, MaxRequest: fswire.MaxRequest, MaxReply: fswire.MaxReply,
			MaxInFlight: uint32(min(o.MaxInFlight, fswire.MaxInFlight)),
			Confinement: o.Confinement, Text: o.Text,
		},
	}
	s.jobs = make(chan job, 2*s.hello.MaxInFlight)
	r := bufio.NewReaderSize(conn, 64<<10)
	if err := s.greet(r); err != nil {
		return err
	}
	var workers sync.WaitGroup
	for range min(o.Workers, int(s.hello.MaxInFlight)) {
		workers.Go(s.work)
	}
	err := s.read(r)
	// Whoever breaks the protocol may not take replies either.
	_ = s.conn.SetWriteDeadline(time.Unix(1, 0))
	close(s.jobs)
	workers.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil && s.writeErr != nil && !closed(s.writeErr) {
		err = fmt.Errorf("write reply: %w", s.writeErr)
	}
	return err
}

// greet exchanges hellos.
func (s *server) greet(r io.Reader) error {
	if err := s.conn.SetReadDeadline(time.Now().Add(helloDeadline)); err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	h, err := fswire.ReadClientHello(r)
	if err != nil {
		return err
	}
	_ = s.conn.SetReadDeadline(time.Time{})
	var refusal error
	if h.MinVersion > fswire.Version || h.MaxVersion < fswire.Version {
		refusal = fmt.Errorf("hello: versions %d to %d: this server speaks %d", h.MinVersion, h.MaxVersion, fswire.Version)
		s.hello.Version, s.hello.Text = 0, refusal.Error()
	}
	// A reply may be as large as the device takes, and not more than this server
	// sends; likewise a request.
	s.hello.MaxRequest = min(s.hello.MaxRequest, h.MaxRequest)
	s.hello.MaxReply = min(s.hello.MaxReply, h.MaxReply)
	if _, err := s.conn.Write(s.hello.Append(nil)); err != nil {
		return fmt.Errorf("hello: %w", err)
	}
	return refusal
}

// read takes requests. It does not wait for any of them, so whoever sends does
// not have to either.
func (s *server) read(r *bufio.Reader) error {
	for {
		var b [fswire.HeaderSize]byte
		if _, err := io.ReadFull(r, b[:]); err != nil {
			if err == io.EOF || closed(err) {
				return nil
			}
			return fmt.Errorf("read request: %w", err)
		}
		h, err := fswire.ParseRequest(&b, s.hello.MaxRequest, s.hello.MaxReply)
		if err != nil {
			return err
		}
		if h.Capacity > 0 && s.taken.Add(1) > int64(s.hello.MaxInFlight) {
			return fmt.Errorf("more than %d requests at once", s.hello.MaxInFlight)
		}
		request := getBuffer(int(h.Length))
		if _, err := io.ReadFull(r, request.b); err != nil {
			putBuffer(request)
			return fmt.Errorf("read request: %w", err)
		}
		j := job{header: h, request: request}
		if h.Capacity == 0 && len(s.jobs) >= int(s.hello.MaxInFlight) {
			s.do(j) // its place is for one that has a reply
			continue
		}
		s.jobs <- j
	}
}

func (s *server) work() {
	for j := range s.jobs {
		s.do(j)
	}
}

func (s *server) do(j job) {
	if j.header.Capacity == 0 {
		s.handler.Handle(j.request.b, nil)
		putBuffer(j.request)
		return
	}
	reply := getBuffer(fswire.HeaderSize + int(j.header.Capacity))
	defer putBuffer(reply)
	n := s.handler.Handle(j.request.b, reply.b[fswire.HeaderSize:])
	putBuffer(j.request)
	fswire.Reply{ID: j.header.ID, Length: uint32(n)}.Put((*[fswire.HeaderSize]byte)(reply.b))
	s.taken.Add(-1) // before the device can know
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.writeErr != nil {
		return
	}
	if _, err := s.conn.Write(reply.b[:fswire.HeaderSize+n]); err != nil {
		s.writeErr = err
	}
}

// closed reports whether an error is the other end's having gone.
func closed(err error) bool {
	return errors.Is(err, os.ErrClosed) || errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ECONNRESET)
}
