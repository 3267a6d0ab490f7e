package devicestest

import (
	"slices"
	"sync"
)

// Line is a [devices.Line] that records what happens to it. The zero Line is
// low.
type Line struct {
	mu          sync.Mutex // guards what follows
	level       bool
	transitions []bool
	restored    int
}

// Set drives the line.
func (l *Line) Set(level bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if level != l.level {
		l.level = level
		l.transitions = append(l.transitions, level)
	}
}

// Restore sets the level without a transition.
func (l *Line) Restore(level bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.level = level
	l.restored++
}

// Level is where the line stands.
func (l *Line) Level() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.level
}

// Transitions lists the levels the line went to since the last call, in order,
// and forgets them.
func (l *Line) Transitions() []bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := slices.Clone(l.transitions)
	l.transitions = l.transitions[:0]
	return t
}

// Rises counts the rising edges since the last call of Rises or Transitions:
// the interrupts an edge-triggered controller would have seen.
func (l *Line) Rises() int {
	n := 0
	for _, level := range l.Transitions() {
		if level {
			n++
		}
	}
	return n
}

// Restored counts the calls of Restore.
func (l *Line) Restored() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.restored
}
