package pages

import (
	"slices"
	"sync"
	"time"
)

// What the chooser goes by, in bytes of memory.
const (
	// window is what is measured as one, on each connection: writes of a frame wait,
	// or do not, as the connection's buffer has it. firstWindow is that of the first
	// tries.
	window      = 2 << 20
	firstWindow = 1 << 20
	// warmUp is what a stretch with one encoding begins with on each connection, and
	// is not judged by: what the buffers hold then was put there by another.
	warmUp = 4 << 20
	// An encoding is tried again after tryAfter, and after twice as much each time
	// that it was no better, up to tryAtLast.
	tryAfter  = 1 << 30
	tryAtLast = 8 << 30
	// noTryBelow is what must be left of an epoch on a connection for a try: the last
	// epochs should be as fast as is known how.
	noTryBelow = 48 << 20
)

const (
	// windowTime is how long a window is at least. Where processors are short, it has
	// the times in which others were served, which compressing makes more of.
	windowTime = 20 * time.Millisecond
	// An encoding is judged by the median of tryWindows, and of the last useWindows
	// while it is in use: a host that stands still for a moment says nothing about it.
	tryWindows = 3
	useWindows = 5
	// gain is how much cheaper another has to be, so that there is no to and fro.
	gain = 0.95
	// hopeless is how many times the best's cost ends a try.
	hopeless = 2
)

// chooser chooses how all connections encode. It goes by what each encoding costs in
// time for a byte of memory, compressing and writing together: where the link is slow
// the latter is most of it, and a rate limit is a slow link. It chooses for all at
// once, since they share a link and processors: what is best for one connection
// alone, while the others do something else, may be the worst for all.
type chooser struct {
	fixed       Encoding // or Auto
	connections int64

	mu      sync.Mutex // guards what follows
	known   [lastEncoding + 1]estimate
	best    Encoding
	current Encoding
	trying  bool

	// of the stretch with the current encoding
	skip    int64 // bytes that are not judged yet
	measure int64 // bytes of a window
	raw     int64 // of the window, up to now
	took    time.Duration
	costs   [useWindows]float64
	windows int
}

// estimate is what is known of an encoding.
type estimate struct {
	cost  float64 // nanoseconds for a byte of memory; 0 is unknown
	since int64   // bytes since it was tried, or in use
	after int64   // when it is tried again
}

// sample is what one frame took.
type sample struct {
	as            Encoding // that next gave, whether it was of use or not
	raw           int      // bytes of memory
	encode, write time.Duration
}

func newChooser(e Encoding, connections int) *chooser {
	c := &chooser{fixed: e, connections: int64(connections), current: e}
	if e == Auto {
		c.begin(None, true, 0, firstWindow)
	}
	return c
}

// begin begins a stretch. Sizes are for each connection.
func (c *chooser) begin(e Encoding, trying bool, skip, measure int64) {
	c.current, c.trying, c.skip, c.measure = e, trying, skip*c.connections, measure*c.connections
	c.raw, c.took, c.windows = 0, 0, 0
}

// next is the encoding of a connection's next frame, when about so many bytes of the
// epoch are left there.
func (c *chooser) next(left int64) Encoding {
	if c.fixed != Auto {
		return c.fixed
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.trying || left < noTryBelow {
		return c.current
	}
	for e := range c.known {
		if k := &c.known[e]; Encoding(e) != c.best && k.since >= k.after {
			c.begin(Encoding(e), true, warmUp, window)
			break
		}
	}
	return c.current
}

// note takes what a frame took.
func (c *chooser) note(s sample) {
	if c.fixed != Auto || s.raw == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.as != c.current {
		return // it was begun before the choice
	}
	raw := int64(s.raw)
	for e := range c.known {
		c.known[e].since += raw
	}
	c.known[c.current].since = 0
	if c.skip > 0 {
		c.skip -= raw
		// However the link is, it may be too much to encode so.
		if cost := float64(s.encode) / float64(raw); c.trying && c.isHopeless(cost) {
			c.tried(cost)
		}
		return
	}
	c.raw += raw
	c.took += s.encode + s.write
	if c.raw < c.measure || c.took < windowTime*time.Duration(c.connections) {
		return
	}
	cost := max(float64(c.took)/float64(c.raw), 1e-9)
	c.costs[c.windows%useWindows] = cost
	c.windows++
	c.raw, c.took = 0, 0
	switch {
	case c.trying:
		if c.windows == tryWindows || c.isHopeless(cost) {
			c.tried(c.median())
		}
	case c.windows >= tryWindows:
		k := &c.known[c.current]
		k.cost = c.median()
		if other := c.cheapest(); c.known[other].cost < k.cost*gain {
			c.use(other)
		}
	}
}

// median is the middle of the stretch's last windows.
func (c *chooser) median() float64 {
	costs := c.costs // a copy
	sorted := costs[:min(c.windows, useWindows)]
	slices.Sort(sorted)
	return sorted[len(sorted)/2]
}

// isHopeless reports whether a try need not go on.
func (c *chooser) isHopeless(cost float64) bool {
	best := c.known[c.best].cost
	return best > 0 && c.current != c.best && cost > hopeless*best
}

// tried ends a try.
func (c *chooser) tried(cost float64) {
	k := &c.known[c.current]
	k.cost = cost
	if next, ok := c.unknown(); ok {
		c.begin(next, true, 0, firstWindow)
		return
	}
	best := c.cheapest()
	if c.known[best].cost > c.known[c.best].cost*gain {
		best = c.best
	}
	if c.current != best {
		k.after = min(2*k.after, tryAtLast)
	}
	c.use(best)
}

// use has an encoding in use until another is better.
func (c *chooser) use(e Encoding) {
	if e != c.best {
		c.known[c.best].after = tryAfter
	}
	c.best = e
	c.begin(e, false, warmUp, window)
	for i := range c.known {
		c.known[i].after = max(c.known[i].after, tryAfter)
	}
}

func (c *chooser) cheapest() Encoding {
	cheapest := c.best
	for e, k := range c.known {
		if k.cost > 0 && k.cost < c.known[cheapest].cost {
			cheapest = Encoding(e)
		}
	}
	return cheapest
}

func (c *chooser) unknown() (Encoding, bool) {
	for e, k := range c.known {
		if k.cost == 0 {
			return Encoding(e), true
		}
	}
	return 0, false
}
