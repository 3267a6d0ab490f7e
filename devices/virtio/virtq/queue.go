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

// errNotTaken answers a device that gives back a chain it does not have.
var errNotTaken = errors.New("chain is not under way")

// Queue is a virtqueue. It is for one goroutine at a time.
type Queue struct {
	ring   ring
	order  *inOrder // nil unless InOrder
	broken error    // the first one; it stays

	used     bool // something was used up since InterruptWanted
	restored bool // nobody knows what the driver was told
}

// ring is what a split and a packed ring have in common.
type ring interface {
	// next takes a chain into c, and sets its id and slots.
	next(c *Chain) (bool, error)
	// untake takes back the last next, of as many slots.
	untake(slots uint16) error
	// fill uses up a chain, which the driver does not see yet; show has it see
	// all that were filled, at once.
	fill(id, slots uint16, written uint32) error
	show() error
	setKicks(on bool) error
	ready() (bool, error)
	// interruptWanted is asked for what was done since the last call.
	interruptWanted() (bool, error)
	position() Position
	restore(Position) error
}

// New returns a queue over the areas that l names, which must be RAM and aligned
// as the ring's format wants. They are the driver's from the first to the last:
// nothing read from them is believed.
func New(m *mem.Guest, l Layout, o Options) (*Queue, error) {
	open := newSplit
	if o.Packed {
		open = newPacked
	}
	r, err := open(m, l, o)
	if err != nil {
		return nil, err
	}
	q := &Queue{ring: r}
	if o.InOrder {
		q.order = newInOrder(l.Size)
	}
	return q, nil
}

// Next takes the driver's next request into c, whose slices it uses again. ok is
// false where there is none. No more requests are under way at a time than the
// queue has entries.
func (q *Queue) Next(c *Chain) (ok bool, err error) {
	if q.broken != nil {
		return false, q.broken
	}
	c.Readable, c.Writable = c.Readable[:0], c.Writable[:0]
	ok, err = q.ring.next(c)
	if ok && q.order != nil {
		q.order.taken(c)
	}
	return ok, q.keep(err)
}

// Untake undoes the last Next, which gave c: the next one gives the same request
// again, as far as the driver did not change it. Only chains that were not Done
// can be taken back, and of several the last has to be the first.
func (q *Queue) Untake(c *Chain) {
	if err := q.ring.untake(c.slots); err != nil {
		_ = q.keep(err)
	} else if q.order != nil {
		q.order.untaken()
	}
}

// Done gives a chain back, with written bytes of its Writable filled. Chains may
// be given back in any order; the driver sees those that it wants in order as
// soon as all older ones are done.
func (q *Queue) Done(c *Chain, written uint32) error {
	if q.broken != nil {
		return q.broken
	}
	filled, err := q.fill(c, written)
	if err == nil && filled {
		q.used = true
		err = q.ring.show()
	}
	return q.keep(err)
}

// DoneTogether is Done for chains of which the driver must see all used or none,
// such as those that share a frame (section 5.1.6.4). written has a number for
// each.
func (q *Queue) DoneTogether(chains []*Chain, written []uint32) error {
	if q.broken != nil {
		return q.broken
	}
	any := false
	for i, c := range chains {
		filled, err := q.fill(c, written[i])
		if err != nil {
			return q.keep(err)
		}
		any = any || filled
	}
	if !any {
		return nil
	}
	q.used = true
	return q.keep(q.ring.show())
}

// fill hands a chain to the ring, or keeps it for its turn.
func (q *Queue) fill(c *Chain, written uint32) (filled bool, err error) {
	if q.order != nil {
		return q.order.fill(q.ring, c, written)
	}
	return true, q.ring.fill(c.id, c.slots, written)
}

// InterruptWanted reports whether the driver wants to be interrupted for what it
// was given since the last call. A ring that cannot be read any more wants it.
func (q *Queue) InterruptWanted() bool {
	if !q.used || q.broken != nil {
		return false
	}
	wanted, err := q.ring.interruptWanted()
	wanted = wanted || q.restored
	q.used, q.restored = false, false
	return q.keep(err) != nil || wanted
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

// Restore puts a new queue where another one stood. The next InterruptWanted
// answers yes, whether anything was Done here or not.
func (q *Queue) Restore(p Position) error {
	if err := q.ring.restore(p); err != nil {
		return err
	}
	q.used, q.restored = true, true
	return nil
}

func (q *Queue) keep(err error) error {
	if err != nil {
		q.broken = err
	}
	return err
}
