package virtio

import (
	"sync"

	"github.com/hullvm/hull/devices/virtio/virtq"
	"github.com/hullvm/hull/internal/eventfd"
	"github.com/hullvm/hull/mem"
)

// Interrupt is a queue's interrupt, as its transport makes it.
type Interrupt interface {
	// Raise interrupts the driver. It may be called from any goroutine.
	Raise()

	// FD is an eventfd that raises the interrupt when it is written, for a
	// kernel that serves the queue; -1 where there is none.
	FD() int
}

// Queue is a virtqueue that the driver has enabled. One goroutine takes requests
// from it (Next, KicksOff, KicksOn); any may complete them.
type Queue struct {
	Index  int
	Layout virtq.Layout

	memory    *mem.Guest
	kick      *eventfd.EventFD
	interrupt Interrupt

	mu   sync.Mutex // guards what follows
	ring *virtq.Queue
	held bool // Next gives nothing: see Worker
	cold bool // see Hold
}

// NewQueue makes a queue for a transport, which owns kick: the eventfd that the
// driver's notifications signal.
func NewQueue(index int, m *mem.Guest, l virtq.Layout, o virtq.Options, kick *eventfd.EventFD, i Interrupt) (*Queue, error) {
	ring, err := virtq.New(m, l, o)
	if err != nil {
		return nil, err
	}
	return &Queue{Index: index, Layout: l, memory: m, kick: kick, interrupt: i, ring: ring}, nil
}

// Memory is the guest memory that the queue lies in.
func (q *Queue) Memory() *mem.Guest { return q.memory }

// Next takes the driver's next request into c. ok is false where there is none.
// An error is a *virtq.BrokenError or one of guest memory: the queue is of no
// more use.
func (q *Queue) Next(c *virtq.Chain) (ok bool, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.held {
		return false, nil
	}
	return q.ring.Next(c)
}

// hold says whether Next is to give nothing, whatever there is.
func (q *Queue) hold(on bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.held = on
}

// Hold says whether workers that are started on the queue are parked from the
// beginning, until they are resumed: it belongs to an activation that is held,
// and is its transport's to call. Workers that run already do not mind.
func (q *Queue) Hold(on bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.cold = on
}

// start says that a worker begins, and reports whether it is to be parked.
func (q *Queue) start() (parked bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.held = q.cold
	return q.cold
}

// PutTogether is Put for chains of which the driver must see all used or none,
// with the bytes written to each.
func (q *Queue) PutTogether(chains []*virtq.Chain, written []uint32) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.ring.DoneTogether(chains, written)
}

// Untake undoes the last Next, which gave c, for requests that are to be looked
// at later.
func (q *Queue) Untake(c *virtq.Chain) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ring.Untake(c)
}

// Complete gives a request back, with written bytes of its Writable filled, and
// interrupts the driver if it wants that.
func (q *Queue) Complete(c *virtq.Chain, written uint32) error {
	q.mu.Lock()
	err := q.ring.Done(c, written)
	raise := err == nil && q.ring.InterruptWanted()
	q.mu.Unlock()
	if raise {
		q.interrupt.Raise()
	}
	return err
}

// Put gives a request back like Complete, without an interrupt: Flush follows.
func (q *Queue) Put(c *virtq.Chain, written uint32) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.ring.Done(c, written)
}

// Flush interrupts the driver if it wants that for what was Put.
func (q *Queue) Flush() {
	q.mu.Lock()
	raise := q.ring.InterruptWanted()
	q.mu.Unlock()
	if raise {
		q.interrupt.Raise()
	}
}

// KicksOff asks the driver not to notify the queue.
func (q *Queue) KicksOff() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.ring.SetKicks(false)
}

// KicksOn asks the driver to notify the queue. more reports that there is a
// request already, which the driver may not notify of.
func (q *Queue) KicksOn() (more bool, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if err := q.ring.SetKicks(true); err != nil {
		return false, err
	}
	return q.ring.Ready()
}

// Kick signals the queue's own eventfd, as the driver does.
func (q *Queue) Kick() { _ = q.kick.Signal() }

// KickFD is the eventfd that the driver's notifications signal, for a kernel
// that serves the queue.
func (q *Queue) KickFD() int { return q.kick.FD() }

// InterruptFD is an eventfd that interrupts the driver when it is written, for a
// kernel that serves the queue; -1 where there is none.
func (q *Queue) InterruptFD() int { return q.interrupt.FD() }

// Restore puts a new queue where another one stood, before a device has it.
func (q *Queue) Restore(p virtq.Position) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.ring.Restore(p)
}

// Position is where the queue stands. The caller holds the queue still.
func (q *Queue) Position() virtq.Position {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.ring.Position()
}
