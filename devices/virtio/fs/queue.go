package fs

import "github.com/hullvm/hull/devices/virtio"

// queue is a queue of an activation.
type queue struct {
	*virtio.Queue
	activation *activation
	urgent     bool // the high priority queue
}

// complete gives a request back, with a reply of written bytes in the guest's
// memory, and frees its slot. The driver's errors break the device.
func (q *queue) complete(t *slots, s *slot, written uint32) {
	err := q.Complete(&s.chain, written)
	t.release(s)
	q.activation.check(err)
}
