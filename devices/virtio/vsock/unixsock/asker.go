package unixsock

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/devices/virtio/vsock"
)

// Asker is the host's side for connections of the guest in a process that may make
// no sockets: it has a [Broker] do so.
type Asker struct {
	conn  *net.UnixConn
	slots chan struct{} // holds one for each request under way
	done  chan struct{} // closed when no more replies come

	mu      sync.Mutex // guards what follows
	next    uint32
	waiting map[uint32]chan reply // of capacity 1
	err     error                 // why no more replies come
}

type reply struct {
	socket *os.File
	err    error
}

var errNoBroker = errors.New("the broker is gone")

// NewAsker takes over the end of a broker's socket. Close ends its goroutine.
func NewAsker(f *os.File) (*Asker, error) {
	conn, err := packetConn(f)
	if err != nil {
		return nil, fmt.Errorf("broker: %w", err)
	}
	a := &Asker{
		conn: conn, slots: make(chan struct{}, requestsAtOnce),
		done: make(chan struct{}), waiting: make(map[uint32]chan reply),
	}
	go a.receive()
	return a, nil
}

// Dial implements [vsock.Host].
func (a *Asker) Dial(ctx context.Context, port uint32) (vsock.Socket, error) {
	s, err := a.dial(ctx, port)
	if err != nil {
		return nil, fmt.Errorf("port %d of the host: connect: %w", port, err)
	}
	return s, nil
}

func (a *Asker) dial(ctx context.Context, port uint32) (*os.File, error) {
	select {
	case a.slots <- struct{}{}:
		defer func() { <-a.slots }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	id, answer, err := a.expect()
	if err != nil {
		return nil, err
	}
	if _, err := a.conn.Write(message{id, port}.append(nil)); err != nil {
		a.forget(id, answer)
		return nil, err
	}
	select {
	case r := <-answer:
		return r.socket, r.err
	case <-ctx.Done():
		a.forget(id, answer)
		return nil, context.Cause(ctx)
	}
}

// expect has the reply to a new request go to a channel.
func (a *Asker) expect() (uint32, chan reply, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.err != nil {
		return 0, nil, a.err
	}
	for a.waiting[a.next] != nil {
		a.next++
	}
	id, answer := a.next, make(chan reply, 1)
	a.next++
	a.waiting[id] = answer
	return id, answer, nil
}

// forget gives a request up. A socket that has come meanwhile is closed.
func (a *Asker) forget(id uint32, answer chan reply) {
	a.mu.Lock()
	delete(a.waiting, id)
	a.mu.Unlock()
	select {
	case r := <-answer:
		if r.socket != nil {
			_ = r.socket.Close()
		}
	default:
	}
}

// receive hands replies to who waits for them, until the socket ends.
func (a *Asker) receive() {
	defer close(a.done)
	var buffer [messageSize + 1]byte
	control := make([]byte, unix.CmsgSpace(4)) // one descriptor; the kernel drops more
	for {
		n, controls, _, _, err := a.conn.ReadMsgUnix(buffer[:], control)
		var r reply
		var m message
		if err == nil {
			m, r, err = parseReply(buffer[:n], control[:controls])
		}
		if err != nil {
			a.end(err)
			return
		}
		a.mu.Lock()
		answer := a.waiting[m.id]
		delete(a.waiting, m.id)
		if answer != nil {
			answer <- r // before forget can look
		}
		a.mu.Unlock()
		if answer == nil && r.socket != nil {
			_ = r.socket.Close()
		}
	}
}

// parseReply reads a reply and takes the socket that it brings. An error leaves no
// descriptor open.
func parseReply(b, control []byte) (message, reply, error) {
	fds := descriptors(control)
	m, err := parseMessage(b)
	switch {
	case err != nil:
	case m.value == 0 && len(fds) == 1:
		return m, reply{socket: os.NewFile(uintptr(fds[0]), "host")}, nil
	case m.value == 0:
		err = errors.New("a reply without a socket")
	case len(fds) > 0:
		err = errors.New("a failure that brings a socket")
	default:
		return m, reply{err: unix.Errno(m.value)}, nil
	}
	for _, fd := range fds {
		_ = unix.Close(fd)
	}
	return message{}, reply{}, err
}

// descriptors are those that came with a message.
func descriptors(control []byte) (fds []int) {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return nil
	}
	for _, m := range messages {
		if rights, err := unix.ParseUnixRights(&m); err == nil {
			fds = append(fds, rights...)
		}
	}
	return fds
}

// end answers all who wait, now and later.
func (a *Asker) end(cause error) {
	_ = closeOnce(a.conn)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.err = fmt.Errorf("%w: %w", errNoBroker, cause)
	for id, answer := range a.waiting {
		delete(a.waiting, id)
		answer <- reply{err: a.err}
	}
}

// Close fails the requests under way, and those that follow.
func (a *Asker) Close() error {
	err := closeOnce(a.conn)
	<-a.done
	return err
}
