package fs

import (
	"sync"

	"github.com/hullvm/hull/devices/virtio"
)

// queue is a queue of an activation.
type queue struct {
	*virtio.Queue
	activation *activation
	urgent     bool // the high priority queue
	inOrder    bool // requests are given back in the order they came

	mu    sync.Mutex // guards what follows
	order []*slot    // those that came and were not given back, where inOrder
}

// next takes the driver's next request into a slot.
func (q *queue) next(s *slot) (bool, error) {
	ok, err := q.Next(&s.chain)
	if !ok || err != nil {
		return false, err
	}
	s.queue = q
	if q.inOrder {
		q.mu.Lock()
		defer q.mu.Unlock()
		s.answered = false
		q.order = append(q.order, s)
	}
	return true, nil
}

// complete gives a request back whose reply, of written bytes, is in the guest's
// memory; or keeps it until all that came before are given back. The slots of
// those that were are free again. The driver's errors break the device.
func (q *queue) complete(t *slots, s *slot, written uint32) {
	if !q.inOrder {
		err := q.Complete(&s.chain, written)
		t.release(s)
		q.activation.check(err)
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	s.answered, s.written = true, written
	n := 0
	for ; n < len(q.order) && q.order[n].answered; n++ {
		first := q.order[n]
		err := q.Put(&first.chain, first.written)
		t.release(first)
		q.activation.check(err)
	}
	q.order = append(q.order[:0], q.order[n:]...)
	if n > 0 {
		q.Flush()
	}
}

// forget frees the slots of requests that waited to be given back. The activation
// has ended.
func (q *queue) forget(t *slots) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, s := range q.order {
		if s.answered {
			t.release(s)
		}
	}
	q.order = nil
}
