package fs

import (
	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/devices/virtio/virtq"
	"github.com/hullvm/hull/mem"
)

// serve is a queue's worker: it sends the requests that there are.
func (d *Device) serve(q *queue) error {
	for {
		s := d.slots.take(q.urgent)
		if s == nil {
			return nil // paused or stopped
		}
		s.queue = q
		ok, err := q.Next(&s.chain)
		if !ok || err != nil {
			d.slots.release(s)
			return err
		}
		d.request(s)
	}
}

// request sends a request to the server, or answers it.
func (d *Device) request(s *slot) {
	memory := s.queue.activation.Memory
	var b [inHeaderSize]byte
	n, err := virtq.CopyFrom(memory, b[:], s.chain.Readable, 0)
	h := parseInHeader(&b)
	s.unique = h.unique
	length := s.chain.ReadableLen()
	s.capacity = uint32(min(s.chain.WritableLen(), uint64(d.hello.MaxReply)))
	switch {
	case err != nil || !allRAM(memory, s.chain.Readable) || !allRAM(memory, s.chain.Writable):
		d.answer(s, unix.EFAULT)
	case n < inHeaderSize || uint64(h.length) != length || length > uint64(d.hello.MaxRequest):
		d.answer(s, unix.EINVAL)
	case s.capacity == 0:
		// Without room for a reply there is none: it is done when it is sent.
		if d.slots.lost() == nil {
			_ = d.send(s, h.length)
		}
		s.queue.complete(d.slots, s, 0)
	case s.capacity < outHeaderSize:
		s.queue.complete(d.slots, s, 0)
	default:
		s.queue.activation.note(h.opcode)
		if d.send(s, h.length) != nil {
			d.answer(s, unix.ENOTCONN)
		}
	}
}

// note notes what a request that is sent does to the guest's session. A driver that
// changes the request behind our back deceives itself.
func (a *activation) note(opcode uint32) {
	switch opcode {
	case opInit:
		a.mounted.Store(true)
	case opDestroy:
		a.mounted.Store(false)
	}
}

// answer answers a request with an error, as far as there is room for it.
func (d *Device) answer(s *slot, errno unix.Errno) {
	reply := errorReply(s.unique, uint32(errno))
	written := 0
	if s.chain.WritableLen() >= outHeaderSize {
		n, err := virtq.CopyTo(s.queue.activation.Memory, reply[:], s.chain.Writable, 0)
		if err == nil {
			written = n
		}
	}
	s.queue.complete(d.slots, s, uint32(written))
}

func allRAM(m *mem.Guest, ranges []mem.Range) bool {
	for _, r := range ranges {
		if !m.Contains(r.Addr, uint64(r.Len)) {
			return false
		}
	}
	return true
}
