package fs

import (
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/devices/virtio/virtq"
	"github.com/hullvm/hull/internal/fswire"
	"github.com/hullvm/hull/internal/iovec"
	"github.com/hullvm/hull/mem"
)

// receive is the receiver: it completes requests with the server's replies, until
// there is no server.
func (d *Device) receive() {
	defer close(d.done)
	in := &inbox{Device: d}
	var err error
	for err == nil {
		err = in.reply()
	}
	if d.slots.lose(err) || !errors.Is(d.slots.lost(), errClosed) {
		d.config.Report(d.Err())
	}
	d.conn.Close()
	for _, s := range d.slots.orphans() {
		if a := s.queue.activation; d.gate.enter(a) {
			d.answer(s, unix.ENOTCONN)
			d.gate.leave()
		} else {
			d.slots.release(s)
		}
	}
}

// inbox is what came over the socket and was not used yet.
type inbox struct {
	*Device
	buf   [4096]byte
	ready []byte // of buf
	parts []mem.Range
}

// reply takes one reply. An error is the end of the connection.
func (in *inbox) reply() error {
	if err := in.fill(fswire.HeaderSize); err != nil {
		return fmt.Errorf("receive: %w", err)
	}
	r, err := fswire.ParseReply((*[fswire.HeaderSize]byte)(in.ready))
	if err != nil {
		return err
	}
	in.ready = in.ready[fswire.HeaderSize:]
	s, stale := in.slots.reply(r.ID)
	switch {
	case s == nil:
		return fmt.Errorf("reply to %#x: there is no such request", r.ID)
	case stale:
		return in.drop(uint64(r.Length))
	case r.Length > s.capacity:
		in.fail(s)
		return fmt.Errorf("reply of %d bytes to a request with room for %d", r.Length, s.capacity)
	}
	left, err := in.scatter(s, uint64(r.Length))
	if err != nil {
		in.fail(s)
		return err
	}
	if left > 0 {
		// The request's activation has ended meanwhile.
		in.slots.release(s)
		return in.drop(left)
	}
	if !in.gate.enter(s.queue.activation) {
		in.slots.release(s)
		return nil
	}
	defer in.gate.leave()
	s.queue.complete(in.slots, s, r.Length)
	return nil
}

// fail answers a request whose reply was begun and is not to be had.
func (in *inbox) fail(s *slot) {
	if !in.gate.enter(s.queue.activation) {
		in.slots.release(s)
		return
	}
	defer in.gate.leave()
	in.answer(s, unix.ENOTCONN)
}

// fill reads until n bytes are ready, with all else that there is.
func (in *inbox) fill(n int) error {
	if len(in.ready) >= n {
		return nil
	}
	in.ready = in.buf[:copy(in.buf[:], in.ready)]
	m, err := io.ReadAtLeast(in.conn, in.buf[len(in.ready):], n-len(in.ready))
	in.ready = in.buf[:len(in.ready)+m]
	return err
}

// scatter puts the next n bytes, which fit, into a request's memory, and returns
// how many it did not, because the activation has ended.
func (in *inbox) scatter(s *slot, n uint64) (left uint64, err error) {
	a := s.queue.activation
	p := in.ready[:min(uint64(len(in.ready)), n)]
	if !in.gate.enter(a) {
		return n, nil
	}
	_, err = virtq.CopyTo(a.Memory, p, s.chain.Writable, 0)
	in.gate.leave()
	if err != nil {
		return n, err // all was RAM when it was sent, and still is
	}
	in.ready = in.ready[len(p):]
	for done := uint64(len(p)); done < n; {
		in.parts = virtq.Slice(in.parts, s.chain.Writable, done, n-done)
		m, err := in.readv(a, in.parts)
		if err != nil {
			return n - done, fmt.Errorf("receive: %w", err)
		}
		if m == 0 {
			return n - done, nil
		}
		done += uint64(m)
	}
	return 0, nil
}

// readv reads into guest memory, once. 0 bytes say that the activation has ended.
func (in *inbox) readv(a *activation, ranges []mem.Range) (n int, err error) {
	rawErr := in.raw.Read(func(fd uintptr) bool {
		if !in.gate.enter(a) {
			n, err = 0, nil
			return true
		}
		defer in.gate.leave()
		for {
			n, err = a.Memory.Scatter(ranges, func(iov []unix.Iovec) (int, error) { return iovec.Readv(int(fd), iov) })
			if err != unix.EINTR {
				break
			}
		}
		if n == 0 && err == nil {
			err = io.ErrUnexpectedEOF
		}
		return err != unix.EAGAIN
	})
	if err == nil || err == unix.EAGAIN {
		err = rawErr
	}
	return n, err
}

// drop reads n bytes that nobody wants.
func (in *inbox) drop(n uint64) error {
	p := min(n, uint64(len(in.ready)))
	in.ready = in.ready[p:]
	for n -= p; n > 0; {
		m, err := in.conn.Read(in.buf[:min(n, uint64(len(in.buf)))])
		if err != nil {
			return fmt.Errorf("receive: %w", err)
		}
		n -= uint64(m)
	}
	return nil
}
