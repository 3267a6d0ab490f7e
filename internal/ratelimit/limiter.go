package ratelimit

import (
	"sync"
	"sync/atomic"
	"time"
)

// Limits are the rates that a Limiter keeps to. The zero value is no limit.
type Limits struct {
	Ops   Rate // requests
	Bytes Rate
}

// Limiter keeps what passes to its limits. Its methods may be called from any
// goroutine. Who serves a queue calls [Limiter.Wait] before it takes a request
// and [Limiter.Take] when it knows what the request is worth: several that do so
// at once can each pass one request early, which those behind wait for.
type Limiter struct {
	clock Clock
	on    atomic.Bool // there is a limit
	held  atomic.Uint64

	mu      sync.Mutex // guards what follows
	limits  Limits
	ops     bucket
	bytes   bucket
	changed chan struct{} // closed, and made new, when the limits change
}

// New returns a limiter whose buckets are full.
func New(l Limits, c Clock) *Limiter {
	lim := &Limiter{clock: c.orHost(), changed: make(chan struct{})}
	lim.setLocked(l)
	return lim
}

// Set changes the limits. Those who wait are held to the new ones at once. What
// was taken too much before stays to be waited for.
func (l *Limiter) Set(limits Limits) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.setLocked(limits)
	close(l.changed)
	l.changed = make(chan struct{})
}

func (l *Limiter) setLocked(limits Limits) {
	l.limits = limits
	now := l.clock.Now()
	l.ops.set(limits.Ops, now)
	l.bytes.set(limits.Bytes, now)
	l.on.Store(l.ops.rate != 0 || l.bytes.rate != 0)
}

// Limits are those that were set last.
func (l *Limiter) Limits() Limits {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.limits
}

// Take counts ops requests of bytes in sum as passed.
func (l *Limiter) Take(ops, bytes uint64) {
	if !l.on.Load() {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fillLocked()
	l.ops.take(ops)
	l.bytes.take(bytes)
}

// Allow takes one request of no bytes where one may pass now, and reports
// whether it did. It is for what is dropped rather than held back, such as log
// lines.
func (l *Limiter) Allow() bool {
	if !l.on.Load() {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.delayLocked() > 0 {
		return false
	}
	l.ops.take(1)
	return true
}

// Delay is how long it takes until a request may pass; 0 where one may now. It
// is at most a day: ask again then.
func (l *Limiter) Delay() time.Duration {
	if !l.on.Load() {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.delayLocked()
}

// Wait returns true when a request may pass, or false when stop is closed before
// that.
func (l *Limiter) Wait(stop <-chan struct{}) bool {
	for first := true; ; first = false {
		if !l.on.Load() {
			return true
		}
		l.mu.Lock()
		delay, changed := l.delayLocked(), l.changed
		l.mu.Unlock()
		if delay == 0 {
			return true
		}
		if first {
			l.held.Add(1)
		}
		if !l.sleep(delay, changed, stop) {
			return false
		}
	}
}

// Held counts the calls of Wait that had to wait.
func (l *Limiter) Held() uint64 { return l.held.Load() }

// sleep returns true when d has passed or changed is closed, false when stop is
// closed.
func (l *Limiter) sleep(d time.Duration, changed, stop <-chan struct{}) bool {
	due := make(chan struct{})
	cancel := l.clock.AfterFunc(d, func() { close(due) })
	defer cancel()
	select {
	case <-due:
	case <-changed:
	case <-stop:
		return false
	}
	return true
}

func (l *Limiter) delayLocked() time.Duration {
	l.fillLocked()
	return max(l.ops.delay(), l.bytes.delay())
}

func (l *Limiter) fillLocked() {
	now := l.clock.Now()
	l.ops.fill(now)
	l.bytes.fill(now)
}
