package fs

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/internal/fswire"
	"github.com/hullvm/hull/internal/iovec"
	"github.com/hullvm/hull/mem"
)

// sender sends one request at a time. It is guarded by Device.sending.
type sender struct {
	header [fswire.HeaderSize]byte
	ranges []mem.Range
	vector []unix.Iovec
}

// send sends a request of length bytes, all of which are RAM. One that has a
// reply is the receiver's from then on; without a server it is not sent, and the
// answer is why.
func (d *Device) send(s *slot, length uint32) error {
	d.sending.Lock()
	defer d.sending.Unlock()
	// The receiver may be done with the slot before the request is all sent:
	// nothing of it is used after it was given away.
	memory := s.queue.activation.Memory
	d.sender.ranges = append(d.sender.ranges[:0], s.chain.Readable...)
	fswire.Request{Length: length, Capacity: s.capacity, ID: s.id()}.Put(&d.sender.header)
	if s.capacity > 0 {
		if err := d.slots.send(s); err != nil {
			return err
		}
	}
	err := d.sender.send(d, memory, fswire.HeaderSize+int(length))
	if err != nil && d.slots.lose(fmt.Errorf("send: %w", err)) {
		// The receiver ends the connection.
		_ = d.conn.SetReadDeadline(time.Unix(1, 0))
	}
	return nil
}

// send sends total bytes: the header and what the ranges hold.
func (w *sender) send(d *Device, memory *mem.Guest, total int) (err error) {
	sent := 0
	rawErr := d.raw.Write(func(fd uintptr) bool {
		for sent < total {
			var n int
			n, err = memory.Gather(w.ranges, func(iov []unix.Iovec) (int, error) {
				w.vector = append(w.vector[:0], unix.Iovec{Base: &w.header[0], Len: fswire.HeaderSize})
				w.vector = append(w.vector, iov...)
				defer clear(w.vector)
				return iovec.Writev(int(fd), iovec.Advance(w.vector, sent))
			})
			switch err {
			case nil:
				sent += n
			case unix.EINTR:
			case unix.EAGAIN:
				return false
			default:
				return true
			}
		}
		return true
	})
	if rawErr != nil {
		return rawErr
	}
	return err
}
