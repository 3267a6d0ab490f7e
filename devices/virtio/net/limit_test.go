package net

import (
	"sync"
	"testing"
	"time"

	"github.com/hullvm/hull/devices/devicestest"
	"github.com/hullvm/hull/internal/ratelimit"
)

var _ Limiter = (*ratelimit.Limiter)(nil)

// fakeLimiter lets frames pass when it is told.
type fakeLimiter struct {
	mu         sync.Mutex // guards what follows
	allowed    int
	waiting    int
	ops, bytes uint64
	changed    chan struct{}
}

func newFakeLimiter() *fakeLimiter { return &fakeLimiter{changed: make(chan struct{})} }

func (l *fakeLimiter) Delay() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.allowed > 0 {
		return 0
	}
	return time.Hour
}

func (l *fakeLimiter) Wait(stop <-chan struct{}) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.allowed == 0 {
		l.waiting++
		changed := l.changed
		l.mu.Unlock()
		select {
		case <-changed:
		case <-stop:
			l.mu.Lock()
			l.waiting--
			return false
		}
		l.mu.Lock()
		l.waiting--
	}
	return true
}

func (l *fakeLimiter) Take(ops, bytes uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ops += ops
	l.bytes += bytes
	l.allowed--
}

func (l *fakeLimiter) allow(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.allowed = n
	close(l.changed)
	l.changed = make(chan struct{})
}

func (l *fakeLimiter) eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	devicestest.Eventually(t, what, func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return holds()
	})
}
