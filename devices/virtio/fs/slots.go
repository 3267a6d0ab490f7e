package fs

import (
	"sync"
	"time"

	"github.com/hullvm/hull/devices/virtio/virtq"
)

// slot is a place for one request. Whoever has the slot in the state that is
// named has its fields.
type slot struct {
	index int
	uses  uint64 // counts, so that no two requests have the same id

	queue    *queue
	chain    virtq.Chain
	unique   uint64 // the driver's name for the request
	capacity uint32 // bytes that the reply may have

	state slotState // guarded by slots.mu
}

// free ──take──> taken ──send──> sent ──receive──> taken ──release──> free
//
//	│                                    ^
//	└──abandon──> stale ──receive────────┘
type slotState int

const (
	slotFree  slotState = iota
	slotTaken           // a worker's, or the receiver's
	slotSent            // the server owes a reply
	slotStale           // it owes one to an activation that has ended
)

// id names the request in a slot to the server.
func (s *slot) id() uint64 { return s.uses<<16 | uint64(s.index) }

// slots are the requests that may be under way at once.
type slots struct {
	mu      sync.Mutex // guards what follows
	changed sync.Cond
	all     []*slot
	free    []*slot
	stopped bool  // nobody waits for a slot
	dead    error // why there is no server
}

func newSlots(n int) *slots {
	t := new(slots)
	t.changed.L = &t.mu
	for i := range n {
		s := &slot{index: i}
		t.all, t.free = append(t.all, s), append(t.free, s)
	}
	return t
}

// take waits for a free slot, but not while stopped: it returns nil then. The
// last one is kept for urgent requests, which free what the server holds.
func (t *slots) take(urgent bool) *slot {
	t.mu.Lock()
	defer t.mu.Unlock()
	keep := 1
	if urgent || len(t.all) == 1 {
		keep = 0
	}
	for !t.stopped && len(t.free) <= keep {
		t.changed.Wait()
	}
	if t.stopped {
		return nil
	}
	s := t.free[len(t.free)-1]
	t.free = t.free[:len(t.free)-1]
	s.state = slotTaken
	s.uses++
	return s
}

// release gives a slot back.
func (t *slots) release(s *slot) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.releaseLocked(s)
}

func (t *slots) releaseLocked(s *slot) {
	s.state = slotFree
	s.queue = nil
	t.free = append(t.free, s)
	t.changed.Broadcast()
}

// send notes that a request is about to be sent. From then on it is the
// receiver's. Without a server it is not: the answer is why.
func (t *slots) send(s *slot) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.dead == nil {
		s.state = slotSent
	}
	return t.dead
}

// reply finds the request that a reply is to, which is the caller's from then on.
// stale reports that nobody waits for it any more: the slot is free again. nil is
// no request that was sent.
func (t *slots) reply(id uint64) (s *slot, stale bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	index := id & (1<<16 - 1)
	if index >= uint64(len(t.all)) || t.all[index].id() != id {
		return nil, false
	}
	s = t.all[index]
	switch s.state {
	case slotSent:
		s.state = slotTaken
		return s, false
	case slotStale:
		t.releaseLocked(s)
		return s, true
	}
	return nil, false
}

// stop ends all waits for slots, and lets there be none, or undoes that.
func (t *slots) stop(on bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stopped = on
	t.changed.Broadcast()
}

// drain waits until no request of the activation is under way, and returns how
// many are at the deadline.
func (t *slots) drain(deadline time.Duration) (left int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	expired := false
	timer := time.AfterFunc(deadline, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		expired = true
		t.changed.Broadcast()
	})
	defer timer.Stop()
	for {
		if left = t.underWayLocked(); left == 0 || expired {
			return left
		}
		t.changed.Wait()
	}
}

// underWay is how many requests of the activation there are.
func (t *slots) underWay() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.underWayLocked()
}

func (t *slots) underWayLocked() (n int) {
	for _, s := range t.all {
		if s.state == slotTaken || s.state == slotSent {
			n++
		}
	}
	return n
}

// abandon makes stale what is under way. The activation has ended.
func (t *slots) abandon() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range t.all {
		if s.state == slotSent {
			s.state = slotStale
			s.queue = nil
		}
	}
}

// lose notes that there is no server any more, and reports whether there was one.
func (t *slots) lose(err error) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.dead != nil {
		return false
	}
	t.dead = err
	return true
}

func (t *slots) lost() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.dead
}

// orphans are the requests that the server, which has gone, will not answer. They
// are the caller's.
func (t *slots) orphans() (list []*slot) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range t.all {
		switch s.state {
		case slotSent:
			s.state = slotTaken
			list = append(list, s)
		case slotStale:
			t.releaseLocked(s)
		}
	}
	return list
}
