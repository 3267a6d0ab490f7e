package fs

import "sync"

// gate lets the receiver touch the guest's memory and queues, or holds it back.
// Workers do not pass it: they are held by themselves.
type gate struct {
	mu      sync.Mutex // guards what follows
	changed sync.Cond
	active  *activation // whose memory may be touched
	shut    bool
	inside  bool
	closed  bool
}

func newGate() *gate {
	g := new(gate)
	g.changed.L = &g.mu
	return g
}

// enter waits while the gate is shut, and reports whether the activation is still
// there: memory and queues of it may be touched until leave.
func (g *gate) enter(a *activation) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for g.shut && g.active == a && !g.closed {
		g.changed.Wait()
	}
	if g.active != a || g.closed {
		return false
	}
	g.inside = true
	return true
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside = false
	g.changed.Broadcast()
}

// begin opens the gate for an activation, nil for none. When it returns nobody is
// inside for another.
func (g *gate) begin(a *activation) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.active, g.shut = a, false
	g.changed.Broadcast()
	for g.inside {
		g.changed.Wait()
	}
}

// set shuts the gate, or opens it. When it is shut, nobody is inside.
func (g *gate) set(shut bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = shut
	g.changed.Broadcast()
	for g.shut && g.inside {
		g.changed.Wait()
	}
}

// close shuts the gate for good, with nobody waiting at it.
func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	g.changed.Broadcast()
}
