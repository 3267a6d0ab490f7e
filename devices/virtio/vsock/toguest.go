package vsock

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/devices"
)

// Dial connects to what listens at a port of the guest. While the guest has no
// driver it waits for one, until ctx ends; a guest whose driver is there and where
// nobody listens refuses at once, with an error that is ECONNREFUSED. The
// connection is a *[Conn].
func (d *Device) Dial(ctx context.Context, port uint32) (net.Conn, error) {
	fd, socket, err := pair()
	if err != nil {
		return nil, fmt.Errorf("vsock: dial port %d: %w", port, err)
	}
	c := &Conn{socket: socket, reset: new(atomic.Bool)}
	err = d.ask(ctx, port, fd, c.reset, func(hostPort uint32) string {
		c.local = Addr{CID: HostCID, Port: hostPort}
		c.remote = Addr{CID: uint32(d.config.CID), Port: port}
		return ""
	})
	if err != nil {
		_ = socket.Close()
		return nil, fmt.Errorf("vsock: dial port %d: %w", port, err)
	}
	return c, nil
}

// Join connects socket to what listens at a port of the guest, as Dial does for
// the monitor itself, and owns it. When the guest has accepted, what greet returns
// for the port of the host's end, a line of text, is the first that is written to
// socket; greet may be nil. Join returns then. A socket that is closed meanwhile
// ends it with an error.
func (d *Device) Join(ctx context.Context, port uint32, socket Socket, greet func(hostPort uint32) string) error {
	fd, err := takeSocket(socket)
	if err == nil {
		err = d.ask(ctx, port, fd, nil, greet)
	}
	if err != nil {
		return fmt.Errorf("vsock: join port %d: %w", port, err)
	}
	return nil
}

// ask owns fd.
func (d *Device) ask(ctx context.Context, port uint32, fd int, reset *atomic.Bool, greet func(uint32) string) error {
	s, err := d.awaitSession(ctx)
	if err != nil {
		_ = unix.Close(fd)
		return err
	}
	answers := make(chan error, 1)
	var st *stream
	request := func() {
		st = s.ask(port, fd, func(err error) { answers <- err })
		if st == nil {
			return
		}
		st.reset, st.greet = reset, greet
	}
	if !s.post(request) {
		_ = unix.Close(fd)
		return errReset
	}
	select {
	case err := <-answers:
		return err
	case <-ctx.Done():
	}
	s.post(func() { s.giveUp(st, context.Cause(ctx)) })
	return <-answers
}

// awaitSession waits for a driver.
func (d *Device) awaitSession(ctx context.Context) (*session, error) {
	for {
		d.mu.Lock()
		s, closed, changed := d.session, d.closed, d.changed
		d.mu.Unlock()
		switch {
		case closed:
			return nil, devices.ErrClosed
		case s != nil:
			return s, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, fmt.Errorf("the guest has no driver yet: %w", context.Cause(ctx))
		}
	}
}

// ask owes the guest a REQUEST. answer is called once, here or later.
func (s *session) ask(port uint32, fd int, answer func(error)) *stream {
	refuse := func(err error) *stream {
		_ = unix.Close(fd)
		answer(err)
		return nil
	}
	if s.stopped {
		return refuse(errReset)
	}
	st := s.add(s.hostKey(port), asking)
	if st == nil {
		return refuse(errFull)
	}
	if err := s.attach(st, fd); err != nil { // which closed fd
		s.forget(st, err)
		answer(err)
		return nil
	}
	st.answer = answer
	st.owes |= owesRequest
	s.wantControl(st)
	return st
}

// giveUp is for one who does not wait any longer.
func (s *session) giveUp(st *stream, err error) {
	if st == nil || st.answer == nil {
		return
	}
	if st.asked {
		s.abort(st, err)
	} else {
		s.forget(st, err)
	}
}

// established is the guest's RESPONSE.
func (s *session) established(st *stream) {
	if st.greet != nil {
		greeting := st.greet(st.host)
		st.greet = nil
		// There is room: nothing was written to the socket before. A client that
		// has left is found out soon; what it sent before counts.
		_, err := unix.Write(st.fd, []byte(greeting))
		if err != nil && err != unix.EPIPE && err != unix.ECONNRESET {
			s.abort(st, err)
			return
		}
	}
	st.conclude(nil)
	s.opened(st)
}
