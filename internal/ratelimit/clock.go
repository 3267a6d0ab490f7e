package ratelimit

import "time"

// Clock is where time comes from. The zero value is the host's clock.
type Clock struct {
	// Now is the time, of which only differences are used.
	Now func() time.Time

	// AfterFunc calls f once on another goroutine when d has passed. stop
	// cancels that, if it is not too late.
	AfterFunc func(d time.Duration, f func()) (stop func() bool)
}

func (c Clock) orHost() Clock {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.AfterFunc == nil {
		c.AfterFunc = func(d time.Duration, f func()) func() bool { return time.AfterFunc(d, f).Stop }
	}
	return c
}
