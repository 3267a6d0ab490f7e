package vsock

import (
	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/devices/virtio/virtq"
	"github.com/hullvm/hull/internal/iovec"
)

// deliverData sends one connection's worth of what its host sent.
func (s *session) deliverData() error {
	st := s.ready.peek()
	if n := s.readable(st); n > 0 {
		ok, err := s.fill(st, n)
		if !ok || err != nil {
			return err
		}
	}
	// It goes to the end of the line, or out of it.
	s.ready.pop()
	st.ready = false
	if st.unread > 0 || st.fresh || st.hostEnds {
		s.wantInput(st)
	}
	return nil
}

// readable is how many bytes are to be read for the guest now.
func (s *session) readable(st *stream) int {
	if st.phase != open || st.inDone {
		st.unread, st.fresh, st.hostEnds = 0, false, false
		return 0
	}
	if st.fresh && st.unread < quantum || st.hostEnds && st.unread == 0 {
		st.fresh = false
		st.unread = unread(st.fd)
	}
	if st.unread == 0 {
		if st.hostEnds {
			s.endInput(st)
		}
		return 0
	}
	credit := st.credit()
	if credit == 0 {
		// Lined up again when there is some.
		st.starved = true
		if !st.requested {
			st.requested = true
			st.owes |= owesCreditRequest
			s.wantControl(st)
		}
		return 0
	}
	return int(min(uint32(min(st.unread, quantum)), credit))
}

// fill reads up to n bytes of the host's, which are there, into the guest's
// buffers. It reports false where there is none.
func (s *session) fill(st *stream, n int) (bool, error) {
	buffers, room := 0, 0
	s.rxRanges = s.rxRanges[:0]
	for room < n && buffers < maxBuffers {
		c := &s.rxChains[buffers]
		ok, err := s.nextBuffer(c)
		if err != nil {
			return false, err
		}
		if !ok {
			break
		}
		s.rxPart = virtq.Slice(s.rxPart, c.Writable, headerSize, uint64(n-room))
		s.rxRanges = append(s.rxRanges, s.rxPart...)
		room += int(min(c.WritableLen()-headerSize, uint64(n-room)))
		buffers++
	}
	if buffers == 0 {
		return false, nil
	}
	got, err := s.read(st)
	if err != nil {
		return false, err
	}
	for i := range buffers {
		c := &s.rxChains[i]
		part := min(uint32(got), uint32(min(c.WritableLen()-headerSize, quantum)))
		h := s.header(st)
		if h.op = opRW; part == 0 {
			// The host had less than it said: a buffer that was taken has to
			// say something.
			h.op = opCreditUpdate
		}
		if err := s.put(c, h, part); err != nil {
			return false, err
		}
		got -= int(part)
		st.sent += part
	}
	return true, nil
}

// read fills s.rxRanges from the host's socket.
func (s *session) read(st *stream) (got int, err error) {
	want := 0
	for _, r := range s.rxRanges {
		want += int(r.Len)
	}
	for {
		var hostErr error
		got, err = s.memory.Scatter(s.rxRanges, func(iov []unix.Iovec) (n int, _ error) {
			n, hostErr = iovec.Readv(st.fd, iov)
			return n, nil
		})
		if err == nil && hostErr == unix.EINTR {
			continue
		}
		st.unread = max(st.unread-got, 0)
		switch {
		case err != nil:
		case hostErr == unix.EAGAIN:
			st.unread = 0
		case hostErr != nil || got == 0:
			st.unread, st.hostEnds = 0, true
		case got < want:
			st.fresh = true // it may have stopped at a boundary
		}
		return got, err
	}
}
