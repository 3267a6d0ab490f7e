package reap

import "golang.org/x/sys/unix"

// Child is a process that a Reaper started.
type Child struct {
	reaper *Reaper
	pid    int
	ended  func(pid int)
	done   chan struct{}

	// Written before done is closed.
	status unix.WaitStatus
	usage  unix.Rusage
	err    error
}

// PID is the number of the process. It may be another's once Done is closed.
func (c *Child) PID() int { return c.pid }

// Done is closed when the process has ended and was reaped.
func (c *Child) Done() <-chan struct{} { return c.done }

// Wait returns how the process ended and what it took. The error says that
// somebody else has waited for it.
func (c *Child) Wait() (unix.WaitStatus, *unix.Rusage, error) {
	<-c.done
	return c.status, &c.usage, c.err
}

// Signal sends a signal to the process; unix.ESRCH when it is gone.
func (c *Child) Signal(sig unix.Signal) error {
	return c.whileThere(func() error { return unix.Kill(c.pid, sig) })
}

// SignalGroup sends a signal to the process group that the process leads;
// unix.ESRCH when the process is gone.
func (c *Child) SignalGroup(sig unix.Signal) error {
	return c.whileThere(func() error { return unix.Kill(-c.pid, sig) })
}

// WhileThere calls f while the process cannot be reaped, or returns unix.ESRCH.
// f must not call the Reaper or the Child.
func (c *Child) WhileThere(f func(pid int) error) error {
	return c.whileThere(func() error { return f(c.pid) })
}

func (c *Child) whileThere(f func() error) error {
	c.reaper.mu.Lock()
	defer c.reaper.mu.Unlock()
	if c.reaper.children[c.pid] != c {
		return unix.ESRCH
	}
	return f()
}
