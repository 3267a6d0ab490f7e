package vsock

import (
	"golang.org/x/sys/unix"
)

// noteSocket takes what epoll says of a host's socket.
func (s *session) noteSocket(st *stream, events uint32) {
	ends := events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0
	left := events&(unix.EPOLLHUP|unix.EPOLLERR) != 0
	if st.phase == asking {
		// A client that has left does not wait for the answer, but what it sent
		// has to arrive. All is told again once the guest has answered.
		if left && unread(st.fd) == 0 {
			s.giveUp(st, errLeft)
		}
		return
	}
	st.fresh = true
	st.hostEnds = st.hostEnds || ends
	if left {
		s.endOutput(st)
		if st.fd >= 0 && st.unread == 0 && unread(st.fd) == 0 {
			s.endInput(st) // one SHUTDOWN instead of two
		}
	} else if events&unix.EPOLLOUT != 0 {
		s.flush(st)
	}
	s.wantInput(st)
}

// wantInput lines a connection up for input.
func (s *session) wantInput(st *stream) {
	if st.phase == open && !st.inDone && !st.ready && !st.starved {
		st.ready = true
		s.ready.push(st)
	}
}

// endInput is the end of what the host sends.
func (s *session) endInput(st *stream) {
	if st.inDone {
		return
	}
	st.inDone = true
	if st.fd >= 0 {
		_ = unix.Shutdown(st.fd, unix.SHUT_RD)
	}
	s.tellShut(st, shutSend)
}

// endOutput is the end of what the host takes. What it has not taken is lost, as
// with any socket that is closed.
func (s *session) endOutput(st *stream) {
	if st.outDone {
		return
	}
	st.outDone = true
	if n := st.backlog.n; n > 0 {
		st.forwarded += uint32(n)
		st.backlog.drop(n)
	}
	s.tellShut(st, shutReceive)
	s.flushed(st)
}

// tellShut tells the guest what the host will not do any more. Where that is
// everything, only the guest's RST is missing.
func (s *session) tellShut(st *stream, flags uint32) {
	if st.phase != open {
		return
	}
	if st.shut |= flags; st.shut == shutBoth {
		s.closeSocket(st)
		st.phase = closing
	}
	s.wantControl(st)
}

// flush writes what the host did not take before.
func (s *session) flush(st *stream) {
	if st.backlog.n == 0 {
		return
	}
	for st.backlog.n > 0 {
		s.parts = st.backlog.parts(s.parts)
		n, err := unix.Writev(st.fd, s.parts)
		switch err {
		case nil:
			st.forwarded += uint32(n)
			st.backlog.drop(n)
		case unix.EINTR:
		case unix.EAGAIN:
			s.offerCredit(st)
			return
		default:
			s.endOutput(st)
			return
		}
	}
	if err := s.poll.change(st.fd, st.tag, socketEvents); err != nil {
		s.endOutput(st)
		return
	}
	s.offerCredit(st)
	s.flushed(st)
}

// flushed does what was waiting for the host to take everything.
func (s *session) flushed(st *stream) {
	if st.backlog.n > 0 {
		return
	}
	if st.phase == gone {
		s.forget(st, nil)
		return
	}
	if st.guestShut&shutSend != 0 && !st.outShut && st.fd >= 0 {
		st.outShut = true
		_ = unix.Shutdown(st.fd, unix.SHUT_WR)
	}
	if st.guestShut == shutBoth {
		if st.fd >= 0 {
			discard(st.fd)
		}
		s.closeSocket(st)
		s.bury(st)
	}
}
