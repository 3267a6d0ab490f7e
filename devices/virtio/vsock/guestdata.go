package vsock

import (
	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/devices/virtio/virtq"
	"github.com/hullvm/hull/internal/iovec"
)

// data takes n bytes of a connection to its host.
func (s *session) data(st *stream, n uint32, c *virtq.Chain) error {
	if n > st.window-st.untaken() || st.guestShut&shutSend != 0 {
		s.device.stats.refused.Add(1)
		s.abort(st, errReset) // it was told how much there is room for
		return nil
	}
	st.received += n
	done, err := s.write(st, n, c)
	if err != nil {
		return err
	}
	if st.outDone {
		st.forwarded += n - done // nobody takes it
		s.offerCredit(st)
		return nil
	}
	if done < n {
		return s.keep(st, n-done, uint64(done), c)
	}
	s.offerCredit(st)
	return nil
}

// write hands the host as many bytes of the packet as it takes at once.
func (s *session) write(st *stream, n uint32, c *virtq.Chain) (done uint32, err error) {
	for done < n && st.backlog.n == 0 && !st.outDone {
		s.txRanges = virtq.Slice(s.txRanges, c.Readable, headerSize+uint64(done), uint64(n-done))
		var hostErr error
		wrote, err := s.memory.Gather(s.txRanges, func(iov []unix.Iovec) (n int, _ error) {
			n, hostErr = iovec.Writev(st.fd, iov)
			return n, nil
		})
		if err != nil {
			return done, err // the guest's address
		}
		done += uint32(wrote)
		st.forwarded += uint32(wrote)
		switch hostErr {
		case nil, unix.EINTR:
		case unix.EAGAIN:
			return done, nil
		default:
			s.endOutput(st)
		}
	}
	return done, nil
}

// keep puts n bytes of the packet, which begin after skip, into the backlog.
func (s *session) keep(st *stream, n uint32, skip uint64, c *virtq.Chain) error {
	if st.backlog.n == 0 {
		if err := s.poll.change(st.fd, st.tag, socketEvents|unix.EPOLLOUT); err != nil {
			return err
		}
	}
	p, q := st.backlog.room(int(n), st.window)
	if _, err := virtq.CopyFrom(s.memory, p, c.Readable, headerSize+skip); err != nil {
		return err
	}
	_, err := virtq.CopyFrom(s.memory, q, c.Readable, headerSize+skip+uint64(len(p)))
	return err
}

// offerCredit tells the guest what the host took, when that is worth a packet.
func (s *session) offerCredit(st *stream) {
	if st.phase == open && st.creditDue() {
		st.owes |= owesCreditUpdate
		s.wantControl(st)
	}
}
