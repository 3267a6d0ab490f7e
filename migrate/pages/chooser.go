package pages

import "time"

// What the chooser goes by, in bytes of memory.
const (
	// firstTry is how long each encoding is tried when nothing is known.
	firstTry = 2 << 20
	// warmUp is what a try begins with and is not judged by: what the connection's
	// buffers hold was put there by another encoding.
	warmUp = 4 << 20
	// tryFor is how long it is judged after that.
	tryFor = 8 << 20
	// An encoding is tried again after tryAfter, and after twice as much each time
	// that it was no better, up to tryAtLast.
	tryAfter  = 256 << 20
	tryAtLast = 4 << 30
	// noTryBelow is what must be left of an epoch for a try: the last of them should
	// be as fast as is known how.
	noTryBelow = 4 * (warmUp + tryFor)
	// averaged is over how much the cost of the encoding in use is averaged.
	averaged = 8 << 20
)

// gain is how much cheaper another encoding has to be, so that there is no to and fro.
const gain = 0.95

// hopeless is how many times the best's whole cost encoding alone may take in a try.
const hopeless = 2

// chooser chooses how one connection encodes. It goes by what each encoding costs in
// time for a byte of memory, compressing and writing together: where the link is slow
// the latter is most of it, and a rate limit is a slow link.
type chooser struct {
	fixed Encoding // or Auto

	known   [lastEncoding + 1]estimate
	best    Encoding
	current Encoding
	trying  bool
	skip    int64 // bytes that are not judged yet
	left    int64 // bytes of the try

	// of the try
	raw  int64
	took time.Duration
}

// estimate is what is known of an encoding.
type estimate struct {
	cost  float64 // nanoseconds for a byte of memory; 0 is unknown
	since int64   // bytes since it was tried, or in use
	after int64   // when it is tried again
}

// sample is what one frame took.
type sample struct {
	raw           int // bytes of memory
	encode, write time.Duration
}

func newChooser(e Encoding) *chooser {
	c := &chooser{fixed: e, current: e}
	if e == Auto {
		c.current, c.trying, c.left = None, true, firstTry
	}
	return c
}

// next is the encoding of the next frame, when so many bytes of the epoch are left, or
// less.
func (c *chooser) next(left int64) Encoding {
	if c.fixed != Auto || c.trying || left < noTryBelow {
		return c.current
	}
	for e := range c.known {
		if k := &c.known[e]; Encoding(e) != c.best && k.since >= k.after {
			c.try(Encoding(e), warmUp, tryFor)
			break
		}
	}
	return c.current
}

func (c *chooser) try(e Encoding, skip, left int64) {
	c.current, c.trying, c.skip, c.left = e, true, skip, left
	c.raw, c.took = 0, 0
}

// note takes what the last frame took.
func (c *chooser) note(s sample) {
	if c.fixed != Auto || s.raw == 0 {
		return
	}
	raw := int64(s.raw)
	for e := range c.known {
		c.known[e].since += raw
	}
	c.known[c.current].since = 0
	if c.skip > 0 {
		c.skip -= raw
		if !c.trying || !c.isHopeless(s) {
			return
		}
	}
	if c.trying {
		c.noteTry(s)
		return
	}
	k := &c.known[c.current]
	cost := float64(s.encode+s.write) / float64(raw)
	k.cost += (cost - k.cost) * min(float64(raw)/averaged, 0.5)
	if other := c.cheapest(); c.known[other].cost < k.cost*gain {
		c.use(other)
	}
}

// isHopeless reports whether a try need not go on: however the link is, it is too much
// to encode so.
func (c *chooser) isHopeless(s sample) bool {
	best := c.known[c.best].cost
	return best > 0 && c.current != c.best && float64(s.encode)/float64(s.raw) > hopeless*best
}

func (c *chooser) noteTry(s sample) {
	c.raw += int64(s.raw)
	c.took += s.encode + s.write
	if c.left -= int64(s.raw); c.left > 0 && !c.isHopeless(s) {
		return
	}
	tried := c.current
	k := &c.known[tried]
	k.cost = max(float64(c.took)/float64(c.raw), 1e-9)
	if next, ok := c.unknown(); ok {
		c.try(next, 0, firstTry)
		return
	}
	c.trying = false
	best := c.cheapest()
	if old := c.known[c.best].cost; best != c.best && c.known[best].cost > old*gain {
		best = c.best
	}
	if tried != best {
		k.after = min(max(2*k.after, tryAfter), tryAtLast)
	}
	c.use(best)
}

// use has an encoding in use until another is better.
func (c *chooser) use(e Encoding) {
	if e != c.best {
		c.known[c.best].after = tryAfter
	}
	c.best, c.current, c.skip = e, e, warmUp
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
