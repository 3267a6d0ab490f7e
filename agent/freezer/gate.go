package freezer

import (
	"context"
	"fmt"
	"sync"

	"golang.org/x/sys/unix"
)

// gate keeps processes from being started while it is shut. A child in a frozen
// group would never get to its execve(2), for which its parent waits.
type gate struct {
	mu     sync.Mutex
	isShut bool
	inside int
	empty  chan struct{} // closed when the last has left a gate that is shut
	opened chan struct{} // closed when it is open
}

func (g *gate) init() {
	g.opened = make(chan struct{})
	close(g.opened)
}

// shut lets nobody in any more and waits until nobody is inside. It stays shut,
// whatever ends the wait.
func (g *gate) shut(ctx context.Context) error {
	g.mu.Lock()
	if !g.isShut {
		g.isShut = true
		g.opened = make(chan struct{})
	}
	empty := make(chan struct{})
	if g.inside == 0 {
		close(empty)
	} else {
		g.empty = empty
	}
	n := g.inside
	g.mu.Unlock()
	select {
	case <-empty:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%d programs are still being started: %w", n, context.Cause(ctx))
	}
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.empty = nil
	if g.isShut {
		g.isShut = false
		close(g.opened)
	}
}

// frozenError refuses a start while all is frozen.
type frozenError struct{}

func (frozenError) Error() string {
	return "all processes are frozen, and a new one would be: thaw first"
}
func (frozenError) Unwrap() error { return unix.EBUSY }

// Enter is called before a process is started, and leave once it runs. While all
// is frozen, or about to be, it is refused with an error that is EBUSY.
func (f *Freezer) Enter() (leave func(), err error) {
	if !f.gate.enter() {
		return nil, frozenError{}
	}
	return f.gate.leave, nil
}

// Await is Enter for a process that must be started: it waits for the thaw.
func (f *Freezer) Await() (leave func()) {
	for !f.gate.enter() {
		f.gate.mu.Lock()
		opened := f.gate.opened
		f.gate.mu.Unlock()
		<-opened
	}
	return f.gate.leave
}

func (g *gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.isShut {
		return false
	}
	g.inside++
	return true
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside--
	if g.inside == 0 && g.empty != nil {
		close(g.empty)
		g.empty = nil
	}
}
