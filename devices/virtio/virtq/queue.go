package virtq

import (
	"errors"
	"fmt"

	"github.com/hullvm/hull/mem"
)

// MaxSize is the most entries a queue may have (sections 2.7 and 2.8).
const MaxSize = 1 << 15

// Layout says where a queue's three areas lie, as the driver wrote it.
type Layout struct {
	Size   uint16   // entries; a power of 2 for a split ring
	Desc   mem.Addr // descriptor table, or descriptor ring
	Driver mem.Addr // available ring, or driver event suppression
	Device mem.Addr // used ring, or device event suppression
}

// Options are what the driver negotiated of a ring's features (section 6).
type Options struct {
	Packed     bool // VIRTIO_F_RING_PACKED
	EventIndex bool // VIRTIO_F_EVENT_IDX
	Indirect   bool // VIRTIO_F_INDIRECT_DESC
	InOrder    bool // VIRTIO_F_IN_ORDER
}

// Position is where a queue stands: what has to be kept of one, beside guest
// memory, to go on with it elsewhere.
type Position struct {
	Next uint16 // the next entry to take: avail index, or ring offset and wrap bit 15
	Used uint16 // the next entry to use up, likewise
}

// BrokenError says which rule of a ring the driver broke. The device has to be
// reset before its queue can be used again.
type BrokenError struct {
	Rule string // what was wrong, such as "descriptor 7: loop"
}

func (e *BrokenError) Error() string { return "driver broke the ring: " + e.Rule }

func brokenf(format string, args ...any) error {
	return &BrokenError{Rule: fmt.Sprintf(format, args...)}
}

// Queue is a virtqueue. It is for one goroutine at a time.
type Queue struct {
	ring   ring
	broken error // the first one; it stays

	used bool // something was used up since InterruptWanted
}

// ring is what a split and a packed ring have in common.
type ring interface {
	next(c *Chain) (bool, error)
	done(c *Chain, written uint32) error
	setKicks(on bool) error
	ready() (bool, error)
	interruptWanted() (bool, error)
	position() Position
	restore(Position) error
}

// New returns a queue over the areas that l names, which must be RAM and aligned
// as the ring's format wants. They are the driver's from the first to the last:
// nothing read from them is believed.
func New(m *mem.Guest, l Layout, o Options) (*Queue, error) {
	if o.Packed {
		return nil, errors.New("packed rings are not offered")
	}
	r, err := newSplit(m, l, o)
	if err != nil {
		return nil, err
	}
	return &Queue{ring: r}, nil
}

// Next takes the driver's next request into c, whose slices it uses again. ok is
// false where there is none.
func (q *Queue) Next(c *Chain) (ok bool, err error) {
	if q.broken != nil {
		return false, q.broken
	}
	c.Readable, c.Writable = c.Readable[:0], c.Writable[:0]
	ok, err = q.ring.next(c)
	return ok, q.keep(err)
}

// Done gives a chain back, with written bytes of its Writable filled. Chains may
// be given back in any order, unless the driver negotiated InOrder.
func (q *Queue) Done(c *Chain, written uint32) error {
	if q.broken != nil {
		return q.broken
	}
	if err := q.ring.done(c, written); err != nil {
		return q.keep(err)
	}
	q.used = true
	return nil
}

// InterruptWanted reports whether the driver wants to be interrupted for what was
// Done since the last call. A ring that cannot be read any more wants it.
func (q *Queue) InterruptWanted() bool {
	if !q.used || q.broken != nil {
		return false
	}
	q.used = false
	wanted, err := q.ring.interruptWanted()
	return wanted || q.keep(err) != nil
}

// SetKicks says whether the driver is to notify the queue of requests. Turned
// off it is a hint. After it was turned on, Ready has to be asked for what came
// before.
func (q *Queue) SetKicks(on bool) error {
	if q.broken != nil {
		return q.broken
	}
	return q.keep(q.ring.setKicks(on))
}

// Ready reports whether there is a request to be taken.
func (q *Queue) Ready() (bool, error) {
	if q.broken != nil {
		return false, q.broken
	}
	ok, err := q.ring.ready()
	return ok, q.keep(err)
}

// Position is where the queue stands.
func (q *Queue) Position() Position { return q.ring.position() }

// Restore puts the queue where another one stood. The next InterruptWanted
// answers yes.
func (q *Queue) Restore(p Position) error { return q.ring.restore(p) }

func (q *Queue) keep(err error) error {
	if err != nil {
		q.broken = err
	}
	return err
}
