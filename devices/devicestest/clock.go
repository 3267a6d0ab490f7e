package devicestest

import (
	"sync"
	"time"

	"github.com/hullvm/hull/devices"
)

// Clock is a [devices.Clock] that moves only when told.
type Clock struct {
	mu     sync.Mutex // guards what follows
	now    time.Time
	timers []*timer // not sorted; there are few
	armed  int
}

// NewClock returns a clock that stands at now.
func NewClock(now time.Time) *Clock { return &Clock{now: now} }

// Now is where the clock stands.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// AfterFunc arranges for f to be called by the Advance that passes d from now.
// Where d is not positive that is the next Advance, even one by 0: the caller
// may hold a lock that f takes.
func (c *Clock) AfterFunc(d time.Duration, f func()) devices.Timer {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := &timer{clock: c, at: c.now.Add(max(d, 0)), f: f}
	c.timers = append(c.timers, t)
	c.armed++
	return t
}

// Advance moves the clock by d, and on the way calls what is due by then, in
// order of time, each with the clock standing at its own time. What the calls
// arrange counts too. It panics where a call arranges another for the same
// moment again and again.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	end, still := c.now.Add(d), 0
	for t := c.next(end); t != nil; t = c.next(end) {
		c.remove(t)
		if still++; t.at.After(c.now) {
			c.now, still = t.at, 0
		}
		if still > 1000 {
			panic("devicestest: a timer arms itself for ever at " + c.now.String())
		}
		c.mu.Unlock()
		t.f()
		c.mu.Lock()
	}
	c.now = end
}

// Pending counts the timers that are armed.
func (c *Clock) Pending() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.timers)
}

// Armed counts the timers ever armed.
func (c *Clock) Armed() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.armed
}

// next is the earliest timer due by end, or nil.
func (c *Clock) next(end time.Time) *timer {
	var first *timer
	for _, t := range c.timers {
		if !t.at.After(end) && (first == nil || t.at.Before(first.at)) {
			first = t
		}
	}
	return first
}

func (c *Clock) remove(t *timer) bool {
	for i := range c.timers {
		if c.timers[i] == t {
			c.timers = append(c.timers[:i], c.timers[i+1:]...)
			return true
		}
	}
	return false
}

type timer struct {
	clock *Clock
	at    time.Time
	f     func()
}

// Stop takes the timer out.
func (t *timer) Stop() bool {
	t.clock.mu.Lock()
	defer t.clock.mu.Unlock()
	return t.clock.remove(t)
}
