package vmm

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// throttleWindow is the time of which the vCPUs run a part.
const throttleWindow = 100 * time.Millisecond

// MaxThrottle is the most that Throttle takes, in per cent.
const MaxThrottle = 99

// throttle has the vCPUs wait, all at the same time and again and again. Only while
// the machine runs: whatever else is asked of it comes first, and cuts a wait short.
//
//	off ──set(n)──> on ──set(0), end──> off
type throttle struct {
	mu      sync.Mutex
	percent int
	on      bool          // a goroutine serves it
	allowed bool          // the machine runs
	over    bool          // it does not, and never will again
	cut     chan struct{} // closed to end a wait; nil while none is allowed
	changed chan struct{} // closed where the goroutine has to look again; nil while it is off
}

// Throttle has the vCPUs wait for so many per cent of the time, in windows of 100 ms,
// 0 to [MaxThrottle]. The devices go on. It ends with the machine, and does not count
// while that is paused.
func (m *Machine) Throttle(percent int) error {
	if percent < 0 || percent > MaxThrottle {
		return fmt.Errorf("throttle: %d per cent: want 0 to %d", percent, MaxThrottle)
	}
	start, err := m.throttle.set(percent)
	if err != nil {
		return fmt.Errorf("throttle: %w", err)
	}
	if start {
		go m.serveThrottle()
	}
	return nil
}

// set reports whether a goroutine is to be started.
func (t *throttle) set(percent int) (start bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over {
		return false, ErrNotRunning
	}
	t.percent = percent
	if t.on || percent == 0 {
		t.look()
		return false, nil
	}
	t.on, t.changed = true, make(chan struct{})
	return true, nil
}

// end turns it off for good.
func (t *throttle) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.over, t.allowed, t.percent = true, false, 0
	t.look()
}

// look has the goroutine look again, and ends a wait. The caller holds mu.
func (t *throttle) look() {
	if t.on {
		close(t.changed)
		t.changed = make(chan struct{})
	}
	if t.cut != nil {
		close(t.cut)
		t.cut = nil
	}
	if t.allowed {
		t.cut = make(chan struct{})
	}
}

// allow says whether vCPUs may be had to wait. Once they may not, none does so longer
// than it takes to say.
func (t *throttle) allow(yes bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.allowed != yes {
		t.allowed = yes
		t.look()
	}
}

// next is what to do now: how long the vCPUs wait unless cut is closed, and what is
// closed where that changes. A cut of nil means not to wait. Without a throttle the
// goroutine is over.
func (t *throttle) next() (wait time.Duration, cut, changed <-chan struct{}, on bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.percent == 0 {
		t.on = false
		return 0, nil, nil, false
	}
	return time.Duration(t.percent) * throttleWindow / 100, t.cut, t.changed, true
}

// serveThrottle is the throttle's goroutine.
func (m *Machine) serveThrottle() {
	for {
		wait, cut, changed, on := m.throttle.next()
		if !on {
			return
		}
		var rest <-chan time.Time // for ever, where the machine does not run
		if cut != nil {
			m.holdVCPUs(wait, cut)
			rest = time.After(throttleWindow - wait)
		}
		select {
		case <-rest:
		case <-changed:
		}
	}
}

// holdVCPUs has all vCPUs wait for so long, or until cut is closed.
func (m *Machine) holdVCPUs(wait time.Duration, cut <-chan struct{}) {
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	idle := func(*vcpu) error {
		select {
		case <-ctx.Done():
		case <-cut:
		}
		return nil
	}
	var held sync.WaitGroup
	for _, v := range m.vcpus {
		// One that has ended, or ends now, need not wait.
		held.Go(func() { _ = v.ask(context.Background(), idle, unchanged) })
	}
	held.Wait()
}
