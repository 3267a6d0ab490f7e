package unixsock

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Broker dials for a device in a process that may make no sockets, and hands them
// over. It trusts nothing that comes from there: what can be asked for is a port,
// and all there is to reach is what a [Dialer] reaches.
type Broker struct {
	conn   *net.UnixConn
	dialer *Dialer
	slots  chan struct{} // holds one for each request under way

	ctx     context.Context // ends with Close
	cancel  context.CancelFunc
	pending sync.WaitGroup
}

// brokerBuffer is what the socket may hold of replies, in bytes, as small as it
// gets: each has a descriptor in it.
const brokerBuffer = 1

// NewBroker returns a broker for sockets of names path_PORT, and the other end of
// its socket, which is for an [Asker].
func NewBroker(path string) (*Broker, *os.File, error) {
	dialer, err := NewDialer(path)
	if err != nil {
		return nil, nil, err
	}
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("broker: socketpair: %w", err)
	}
	theirs := os.NewFile(uintptr(fds[1]), "broker of "+path)
	_ = unix.SetsockoptInt(fds[0], unix.SOL_SOCKET, unix.SO_SNDBUF, brokerBuffer)
	conn, err := packetConn(os.NewFile(uintptr(fds[0]), path))
	if err != nil {
		_ = theirs.Close()
		return nil, nil, fmt.Errorf("broker: %w", err)
	}
	b := &Broker{conn: conn, dialer: dialer, slots: make(chan struct{}, requestsAtOnce)}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	return b, theirs, nil
}

// packetConn makes a connection of a socket that keeps messages apart. It closes f.
func packetConn(f *os.File) (*net.UnixConn, error) {
	defer f.Close()
	c, err := net.FileConn(f)
	if err != nil {
		return nil, err
	}
	u, ok := c.(*net.UnixConn)
	if !ok || u.LocalAddr().Network() != "unixpacket" {
		_ = c.Close()
		return nil, fmt.Errorf("descriptor of %q: it is no unix socket of type SOCK_SEQPACKET", f.Name())
	}
	return u, nil
}

// Serve dials until Close, or until the other end is closed, and returns nil then.
// A message that makes no sense ends it as well.
func (b *Broker) Serve() error {
	defer b.pending.Wait()
	defer b.Close()
	var buffer [messageSize + 1]byte // one more, which tells a message that is too long
	for {
		select {
		case b.slots <- struct{}{}:
		case <-b.ctx.Done():
			return nil
		}
		// There is no room for descriptors: the kernel drops what comes along.
		n, err := b.conn.Read(buffer[:])
		switch {
		case b.ctx.Err() != nil, errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), err == nil && n == 0:
			return nil
		case err != nil:
			return fmt.Errorf("broker: %w", err)
		}
		m, err := parseMessage(buffer[:n])
		if err != nil {
			return fmt.Errorf("broker: %w", err)
		}
		b.pending.Go(func() {
			defer func() { <-b.slots }()
			b.answer(m)
		})
	}
}

// answer dials, and hands over the socket or the errno. Where the other end does
// not take it, that is the other end's business.
func (b *Broker) answer(m message) {
	socket, err := b.dialer.Dial(b.ctx, m.value)
	if err != nil {
		_, _, _ = b.conn.WriteMsgUnix(message{m.id, uint32(errnoOf(err))}.append(nil), nil, nil)
		return
	}
	defer socket.Close()
	raw, err := socket.SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) {
			_, _, _ = b.conn.WriteMsgUnix(message{m.id, 0}.append(nil), unix.UnixRights(int(fd)), nil)
		})
	}
	if err != nil {
		_, _, _ = b.conn.WriteMsgUnix(message{m.id, uint32(errnoOf(err))}.append(nil), nil, nil)
	}
}

// errnoOf is what the guest's side hears of an error.
func errnoOf(err error) unix.Errno {
	var errno unix.Errno
	switch {
	case errors.Is(err, context.Canceled):
		return unix.ECANCELED
	case errors.As(err, &errno) && errno != 0:
		return errno
	}
	return unix.EIO
}

// Close ends what Serve does.
func (b *Broker) Close() error {
	b.cancel()
	return closeOnce(b.conn)
}

// closeOnce closes c, or finds that it is closed.
func closeOnce(c *net.UnixConn) error {
	if err := c.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}
