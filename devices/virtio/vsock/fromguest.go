package vsock

import (
	"context"
	"net"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Host is the world outside of the guest, as far as it is no part of the monitor.
type Host interface {
	// Dial connects to what listens at a port of the host. ctx ends when the
	// guest does not want the connection any more. It is called from many
	// goroutines, as many as there may be connections. An error is told to the
	// guest as a refusal.
	Dial(ctx context.Context, port uint32) (Socket, error)
}

// request is the guest's wish to be connected.
func (s *session) request(h *header) {
	k := key{host: h.dstPort, guest: h.srcPort}
	l := s.device.listener(h.dstPort)
	if l == nil && s.device.config.Host == nil {
		s.refuse(h)
		return
	}
	st := s.add(k, dialing)
	if st == nil {
		s.refuse(h)
		return
	}
	s.update(st, h)
	if l != nil {
		s.offer(st, l)
		return
	}
	s.dial(st)
}

// offer gives a listener of the monitor's own its end of a connection.
func (s *session) offer(st *stream, l *Listener) {
	fd, conn, err := pair()
	if err != nil {
		s.bury(st)
		return
	}
	if err := s.attach(st, fd); err != nil {
		_ = conn.Close()
		s.bury(st)
		return
	}
	st.reset = new(atomic.Bool)
	if !l.offer(s.conn(st, conn)) {
		_ = conn.Close()
		s.closeSocket(st)
		s.bury(st)
		return
	}
	s.accept(st)
}

// conn is the monitor's end of a connection.
func (s *session) conn(st *stream, c *net.UnixConn) *Conn {
	return &Conn{
		socket: c,
		reset:  st.reset,
		local:  Addr{CID: HostCID, Port: st.host},
		remote: Addr{CID: uint32(s.device.config.CID), Port: st.guest},
	}
}

// dial asks the host for its end, without waiting.
func (s *session) dial(st *stream) {
	ctx, cancel := context.WithCancel(context.Background())
	st.cancel = cancel
	host, port, t := s.device.config.Host, st.host, st.tag
	go func() {
		fd := -1
		socket, err := host.Dial(ctx, port)
		if err == nil {
			fd, err = takeSocket(socket)
		}
		dialed := func() { s.dialed(t, fd, err) }
		if !s.post(dialed) && fd >= 0 {
			_ = unix.Close(fd)
		}
	}()
}

// dialed is the host's answer.
func (s *session) dialed(t tag, fd int, err error) {
	st := s.find(t)
	if st == nil || st.phase != dialing {
		if fd >= 0 {
			_ = unix.Close(fd)
		}
		return
	}
	if err == nil {
		err = s.attach(st, fd)
	}
	if err != nil {
		s.bury(st)
		return
	}
	st.cancel()
	st.cancel = nil
	s.accept(st)
}

// accept tells the guest that its host is connected.
func (s *session) accept(st *stream) {
	st.owes |= owesResponse
	s.wantControl(st)
	s.opened(st)
}

// opened begins what both ends agreed on.
func (s *session) opened(st *stream) {
	st.phase = open
	if st.guestShut != 0 {
		s.guestShutdown(st, st.guestShut)
	}
	if st.phase != open {
		return
	}
	// What the socket told of before is told again.
	if err := s.poll.change(st.fd, st.tag, socketEvents); err != nil {
		s.abort(st, err)
	}
}
