package blk

import (
	"fmt"

	"github.com/hullvm/hull/devices/virtio"
)

const (
	// immediateMax is the most bytes that are moved on a queue's own goroutine.
	immediateMax = 64 << 10

	// batch is how many requests are answered before the driver is interrupted
	// for them, while there are more.
	batch = 16
)

// queue serves one virtqueue.
type queue struct {
	*activation
	ring   *virtio.Queue
	worker *virtio.Worker
	stop   chan struct{} // closed to stop serving; new after a pause

	put int // requests put since the last interrupt; for serve alone
}

// serve takes and answers requests until there are none, or it is to stop.
func (q *queue) serve() error {
	defer q.flush()
	for {
		if q.broken.Load() {
			return errBroken
		}
		select {
		case <-q.stop:
			return nil
		default:
		}
		// The limit is asked before a request is taken: there is none to put back
		// when the wait is broken off.
		if q.device.limit.Delay() > 0 {
			q.flush()
			if !q.device.limit.Wait(q.stop) {
				return nil
			}
		}
		r := newRequest(q)
		ok, err := q.ring.Next(&r.chain)
		if !ok || err != nil {
			r.release()
			return err
		}
		if err := q.begin(r); err != nil {
			return err
		}
	}
}

// begin checks a request and answers it, or starts the goroutine that does.
func (q *queue) begin(r *request) error {
	if !r.place() {
		return fmt.Errorf("disk %q: request without room for its status", q.device.name)
	}
	status, ok := r.check()
	q.device.limit.Take(1, r.cost)
	if !ok {
		return q.answer(r, status)
	}
	if status, done := r.try(); done {
		return q.answer(r, status)
	}
	q.wait(r)
	return nil
}

// answer completes a request from serve's goroutine, with an interrupt now or
// soon.
func (q *queue) answer(r *request, status byte) error {
	written, err := r.conclude(status)
	if err != nil {
		return err
	}
	err = q.ring.Put(&r.chain, written)
	r.release()
	if q.put++; q.put == batch {
		q.flush()
	}
	return err
}

// flush interrupts the driver for what was put.
func (q *queue) flush() {
	if q.put > 0 {
		q.put = 0
		q.ring.Flush()
	}
}

// wait starts a goroutine for a request, when there is a slot for one more.
func (q *queue) wait(r *request) {
	select {
	case q.device.slots <- struct{}{}:
	default:
		q.flush() // for there is time
		q.device.slots <- struct{}{}
	}
	q.waiting.Add(1)
	go r.start()
}

// run does a request on a goroutine of its own.
func (r *request) run() {
	q := r.queue
	defer q.waiting.Done()
	status := r.do()
	<-q.device.slots
	written, err := r.conclude(status)
	if err == nil {
		err = q.ring.Complete(&r.chain, written)
	}
	r.release()
	if err != nil {
		q.fail(err)
	}
}
