package vmm

import (
	"sync"

	"github.com/hullvm/hull/devices"
)

// sharedLine is a level-triggered line that several devices drive: it is high
// while any of them wants it high, as PCI's INTx lines are.
type sharedLine struct {
	line devices.Line

	mu   sync.Mutex
	high int // devices that drive it high
}

// tap returns a device's own end of the line.
func (s *sharedLine) tap() devices.Line { return &lineTap{shared: s} }

func (s *sharedLine) change(by int, set func(bool)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.high += by
	set(s.high > 0)
}

// lineTap is what one device drives.
type lineTap struct {
	shared *sharedLine

	mu    sync.Mutex
	level bool
}

func (t *lineTap) Set(level bool) { t.to(level, t.shared.line.Set) }

func (t *lineTap) Restore(level bool) { t.to(level, t.shared.line.Restore) }

func (t *lineTap) to(level bool, set func(bool)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if level == t.level {
		return
	}
	t.level = level
	by := -1
	if level {
		by = 1
	}
	t.shared.change(by, set)
}
