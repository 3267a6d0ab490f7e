package fs

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/devices/devicestest"
	"github.com/hullvm/hull/devices/virtio/virtqtest"
	"github.com/hullvm/hull/internal/fswire"
)

// patience bounds waits that only a failing test makes long.
const patience = 20 * time.Second

// server is a file server whose every move the test makes.
type server struct {
	t    testing.TB
	conn *os.File

	mu      sync.Mutex // guards writing to conn
	reports chan error // what the device reported
}

var goodHello = fswire.ServerHello{
	Version: fswire.Version, MaxRequest: fswire.MaxRequest, MaxReply: fswire.MaxReply, MaxInFlight: 8,
	Confinement: fswire.Seccomp,
}

func sockets(t testing.TB) (device, server *os.File) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	device, server = os.NewFile(uintptr(fds[0]), "device"), os.NewFile(uintptr(fds[1]), "server")
	t.Cleanup(func() {
		device.Close()
		server.Close()
	})
	return device, server
}

// newTestDevice makes a device whose server says hello. Both end with t.
func newTestDevice(t testing.TB, c Config, hello fswire.ServerHello) (*Device, *server) {
	t.Helper()
	devicestest.CheckGoroutines(t)
	s := &server{t: t, reports: make(chan error, 16)}
	c.Server, s.conn = sockets(t)
	if c.Tag == "" {
		c.Tag = "work"
	}
	c.Report = func(err error) { s.reports <- err }
	greeted := make(chan error, 1)
	go func() {
		_, err := fswire.ReadClientHello(s.conn)
		if err == nil {
			_, err = s.conn.Write(hello.Append(nil))
		}
		greeted <- err
	}()
	d, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := <-greeted; err != nil {
		t.Fatal(err)
	}
	return d, s
}

// request is one that the server got.
type request struct {
	fswire.Request
	body []byte
}

// next waits for a request.
func (s *server) next() request {
	s.t.Helper()
	_ = s.conn.SetReadDeadline(time.Now().Add(patience))
	r, err := s.read()
	if err != nil {
		s.t.Fatalf("waiting for a request: %v", err)
	}
	return r
}

func (s *server) read() (request, error) {
	var b [fswire.HeaderSize]byte
	if _, err := io.ReadFull(s.conn, b[:]); err != nil {
		return request{}, err
	}
	h, err := fswire.ParseRequest(&b, fswire.MaxRequest, fswire.MaxReply)
	if err != nil {
		return request{}, err
	}
	r := request{Request: h, body: make([]byte, h.Length)}
	_, err = io.ReadFull(s.conn, r.body)
	return r, err
}

// reply sends a reply, header and all.
func (s *server) reply(id uint64, p []byte) {
	s.t.Helper()
	s.write(frame(id, p))
}

func frame(id uint64, p []byte) []byte {
	var b [fswire.HeaderSize]byte
	fswire.Reply{ID: id, Length: uint32(len(p))}.Put(&b)
	return append(b[:], p...)
}

func (s *server) write(p []byte) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.conn.Write(p); err != nil && !errors.Is(err, unix.EPIPE) {
		s.t.Errorf("the server cannot write: %v", err)
	}
}

// echo answers every request with a header and the request's own bytes behind it,
// as many as there is room for, until the connection ends.
func (s *server) echo() {
	for {
		r, err := s.read()
		if err != nil {
			return
		}
		if r.Capacity > 0 {
			s.reply(r.ID, answer(r))
		}
	}
}

// answer is echo's to a request.
func answer(r request) []byte {
	p := append(make([]byte, 16), r.body...)
	return p[:min(len(p), int(r.Capacity))]
}

// report waits for what the device reports.
func (s *server) report() error {
	s.t.Helper()
	select {
	case err := <-s.reports:
		return err
	case <-time.After(patience):
		s.t.Fatalf("waited %v for a report", patience)
		return nil
	}
}

// message is a FUSE request of a driver: a header and n bytes.
func message(unique uint64, n int) []byte {
	b := make([]byte, 40+n)
	binary.LittleEndian.PutUint32(b, uint32(len(b)))
	binary.LittleEndian.PutUint64(b[8:], unique)
	for i := range n {
		b[40+i] = byte(i * 31)
	}
	return b
}

// drivers makes drivers of the high priority queue and n request queues, which
// share a memory.
func drivers(t testing.TB, n int, o virtqtest.Options) []*virtqtest.Driver {
	t.Helper()
	o.Memory = virtqtest.NewMemory(t, 64<<20)
	var list []*virtqtest.Driver
	for i := range 1 + n {
		o.Index = i
		list = append(list, virtqtest.New(t, o))
	}
	return list
}

// wantError fails t where a request was not answered with errno.
func wantError(t testing.TB, u virtqtest.Used, unique uint64, errno unix.Errno) {
	t.Helper()
	want := errorReply(unique, uint32(errno))
	if string(u.Bytes()) != string(want[:]) {
		t.Errorf("answered with %x, want %x", u.Bytes(), want)
	}
}
