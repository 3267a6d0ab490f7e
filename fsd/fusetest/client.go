package fusetest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/fsd/fuse"
	"github.com/hullvm/hull/internal/fswire"
)

// Socketpair returns the two ends of a socket, which do not block; those that are
// still open are closed when t ends.
func Socketpair(t testing.TB) (device, server *os.File) {
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

// Client sends requests over a socket. Its methods may be called from any
// goroutine.
type Client struct {
	Hello fswire.ServerHello
	UID   uint32 // who asks
	GID   uint32

	conn *os.File

	mu      sync.Mutex // guards what follows, and writing to conn
	last    uint64
	waiting map[uint64]chan []byte
	err     error
}

// Deadline bounds the wait for a reply. Only a failing test waits that long.
const Deadline = 20 * time.Second

// Dial says hello to a server at the other end of conn, which it closes when t
// ends.
func Dial(t testing.TB, conn *os.File) *Client {
	t.Helper()
	hello := fswire.ClientHello{MinVersion: 1, MaxVersion: fswire.Version, MaxRequest: fswire.MaxRequest, MaxReply: fswire.MaxReply}
	if _, err := conn.Write(hello.Append(nil)); err != nil {
		t.Fatal(err)
	}
	h, err := fswire.ReadServerHello(conn)
	if err != nil {
		t.Fatal(err)
	}
	c := &Client{Hello: h, conn: conn, waiting: make(map[uint64]chan []byte)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.receive()
	}()
	t.Cleanup(func() {
		conn.Close()
		<-done
	})
	return c
}

func (c *Client) receive() {
	err := func() error {
		for {
			var b [fswire.HeaderSize]byte
			if _, err := io.ReadFull(c.conn, b[:]); err != nil {
				return err
			}
			h, err := fswire.ParseReply(&b)
			if err != nil {
				return err
			}
			p := make([]byte, h.Length)
			if _, err := io.ReadFull(c.conn, p); err != nil {
				return err
			}
			c.mu.Lock()
			w := c.waiting[h.ID]
			delete(c.waiting, h.ID)
			c.mu.Unlock()
			if w == nil {
				return fmt.Errorf("reply to %d, which nobody waits for", h.ID)
			}
			w <- p
		}
	}()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = err
	for id, w := range c.waiting {
		delete(c.waiting, id)
		close(w)
	}
}

// ErrGone is what a request gets whose server goes before it replies.
var ErrGone = errors.New("the server has gone")

// Send sends a request, header included, with room for a reply of capacity bytes.
// The reply comes through the channel, which is closed where there is none.
func (c *Client) Send(request []byte, capacity int) (<-chan []byte, error) {
	reply := make(chan []byte, 1)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return nil, c.err
	}
	c.last++
	if capacity > 0 {
		c.waiting[c.last] = reply
	} else {
		close(reply)
	}
	var b [fswire.HeaderSize]byte
	fswire.Request{Length: uint32(len(request)), Capacity: uint32(capacity), ID: c.last}.Put(&b)
	_, err := c.conn.Write(append(b[:], request...))
	return reply, err
}

// Do sends a request and waits for its reply.
func (c *Client) Do(request []byte, capacity int) ([]byte, error) {
	w, err := c.Send(request, capacity)
	if err != nil {
		return nil, err
	}
	select {
	case reply, ok := <-w:
		if !ok && capacity > 0 {
			return nil, ErrGone
		}
		return reply, nil
	case <-time.After(Deadline):
		return nil, fmt.Errorf("no reply within %v", Deadline)
	}
}

// Request is a request of the client's user: a header and a body.
func (c *Client) Request(op fuse.Opcode, node uint64, body []byte) []byte {
	return Request(op, node, c.UID, c.GID, body)
}

// Request is a request: a header and a body.
func Request(op fuse.Opcode, node uint64, uid, gid uint32, body []byte) []byte {
	b := binary.LittleEndian.AppendUint32(nil, uint32(fuse.InHeaderSize+len(body)))
	b = binary.LittleEndian.AppendUint32(b, uint32(op))
	b = binary.LittleEndian.AppendUint64(b, 0x1234)
	b = binary.LittleEndian.AppendUint64(b, node)
	b = binary.LittleEndian.AppendUint32(b, uid)
	b = binary.LittleEndian.AppendUint32(b, gid)
	b = binary.LittleEndian.AppendUint32(b, 77)
	b = binary.LittleEndian.AppendUint32(b, 0)
	return append(b, body...)
}

// Call does a request with room for size bytes after the reply's header, and
// returns those that came. What the server refuses is a unix.Errno.
func (c *Client) Call(op fuse.Opcode, node uint64, body []byte, size int) ([]byte, error) {
	reply, err := c.Do(c.Request(op, node, body), fuse.OutHeaderSize+size)
	if err != nil {
		return nil, err
	}
	return Parse(reply)
}

// Parse checks a reply's header and returns what follows, or the error it has.
func Parse(reply []byte) ([]byte, error) {
	if len(reply) < fuse.OutHeaderSize {
		return nil, fmt.Errorf("reply of %d bytes", len(reply))
	}
	if n := binary.LittleEndian.Uint32(reply); int(n) != len(reply) {
		return nil, fmt.Errorf("reply of %d bytes says that it has %d", len(reply), n)
	}
	if u := binary.LittleEndian.Uint64(reply[8:]); u != 0x1234 {
		return nil, fmt.Errorf("reply to request %#x", u)
	}
	e := -int32(binary.LittleEndian.Uint32(reply[4:]))
	switch {
	case e == 0:
		return reply[fuse.OutHeaderSize:], nil
	case e < 0 || e >= 512 || len(reply) > fuse.OutHeaderSize:
		return nil, fmt.Errorf("reply of %d bytes with error %d", len(reply), e)
	}
	return nil, unix.Errno(e)
}
