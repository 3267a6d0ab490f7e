package netd

import (
	"container/list"
	"net/netip"
	"sync"
	"time"
)

// flowKey is the two ends of a UDP flow as the guest sees them.
type flowKey struct {
	guest, other netip.AddrPort
}

// flow is a UDP flow.
type flow struct {
	key  flowKey
	idle time.Duration // ends the flow

	send func(datagram []byte) // to the host's side
	end  func()                // called once, when the flow is in no table

	server   netip.AddrPort // a name server, if it leads to one
	answered func()         // called with each datagram of the host's side, if not nil

	place *list.Element // flows.mu is held
	used  time.Time     // flows.mu is held
}

// flows is a table of flows, of which the one that was used least lately makes
// room for another.
type flows struct {
	limit int

	mu     sync.Mutex
	byKey  map[flowKey]*flow
	order  *list.List // of *flow, the last used first
	closed bool
}

func newFlows(limit int) *flows {
	return &flows{limit: limit, byKey: make(map[flowKey]*flow), order: list.New()}
}

// use is the flow of a key, or nil.
func (t *flows) use(key flowKey, now time.Time) *flow {
	t.mu.Lock()
	defer t.mu.Unlock()
	f := t.byKey[key]
	if f != nil {
		t.touch(f, now)
	}
	return f
}

func (t *flows) touch(f *flow, now time.Time) {
	f.used = now
	t.order.MoveToFront(f.place)
}

// again notes that a flow was used, if it is there still.
func (t *flows) again(f *flow, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.byKey[f.key] == f {
		t.touch(f, now)
	}
}

// has reports whether there is a flow of a key.
func (t *flows) has(key flowKey) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.byKey[key] != nil
}

// add adds a flow, in place of another of its key.
func (t *flows) add(f *flow, now time.Time) {
	t.mu.Lock()
	var out []*flow
	if t.closed {
		out = append(out, f)
	} else {
		if old := t.byKey[f.key]; old != nil {
			out = append(out, t.take(old))
		}
		if t.order.Len() >= t.limit {
			out = append(out, t.take(t.order.Back().Value.(*flow)))
		}
		f.used, f.place = now, t.order.PushFront(f)
		t.byKey[f.key] = f
	}
	t.mu.Unlock()
	endAll(out)
}

// remove removes a flow, if it is there still.
func (t *flows) remove(f *flow) {
	t.mu.Lock()
	found := t.byKey[f.key] == f
	if found {
		t.take(f)
	}
	t.mu.Unlock()
	if found {
		f.end()
	}
}

// expire removes the flows that are idle.
func (t *flows) expire(now time.Time) {
	t.mu.Lock()
	var out []*flow
	for _, f := range t.byKey {
		if now.Sub(f.used) >= f.idle {
			out = append(out, t.take(f))
		}
	}
	t.mu.Unlock()
	endAll(out)
}

// close removes all flows, and each that is added later.
func (t *flows) close() {
	t.mu.Lock()
	t.closed = true
	var out []*flow
	for _, f := range t.byKey {
		out = append(out, t.take(f))
	}
	t.mu.Unlock()
	endAll(out)
}

func (t *flows) take(f *flow) *flow {
	delete(t.byKey, f.key)
	t.order.Remove(f.place)
	return f
}

func endAll(flows []*flow) {
	for _, f := range flows {
		f.end()
	}
}
