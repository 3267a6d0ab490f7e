package reap

import (
	"errors"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Reaper starts processes and collects their ends. Its methods may be used from
// any goroutine.
type Reaper struct {
	all bool

	// mu orders starting, signalling and reaping: who holds it knows that no
	// child's number changes hands.
	mu       sync.Mutex
	children map[int]*Child // not yet reaped
	started  sync.Cond      // a child was added; wakes the loop of an adopting Reaper
	orphans  int            // reaped strangers, for tests and the curious
}

// New returns a Reaper that waits for the processes it starts, and for no other
// child of this process.
func New() *Reaper {
	r := &Reaper{children: make(map[int]*Child)}
	r.started.L = &r.mu
	return r
}

// Adopt returns a Reaper that waits for every child of this process, as PID 1
// must. There is at most one in a process, and nothing else in it may wait for
// children (os/exec does). Its loop runs for as long as the process.
func Adopt() *Reaper {
	r := New()
	r.all = true
	go r.loop()
	return r
}

// Orphans is how many processes that this Reaper did not start it has reaped.
func (r *Reaper) Orphans() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.orphans
}

// Options are what Start wants beside what execve(2) does.
type Options struct {
	// Ended is called when the process has ended and before its number is given
	// back, so that its process group can still be signalled by it. It must not
	// call the Reaper or the Child. May be nil.
	Ended func(pid int)
}

// Start runs a program as [syscall.ForkExec] does.
func (r *Reaper) Start(argv0 string, argv []string, attr *syscall.ProcAttr, o Options) (*Child, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	pid, err := syscall.ForkExec(argv0, argv, attr)
	if err != nil {
		return nil, err // without the path: the caller knows which of the two names it is about
	}
	c := &Child{reaper: r, pid: pid, ended: o.Ended, done: make(chan struct{})}
	r.children[pid] = c
	if r.all {
		r.started.Signal()
	} else {
		go r.await(c)
	}
	return c, nil
}

// await waits for one child.
func (r *Reaper) await(c *Child) {
	for {
		err := unix.Waitid(unix.P_PID, c.pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	r.reap(c.pid)
}

// loop waits for all children, whoever started them.
func (r *Reaper) loop() {
	for {
		pid, err := waitAny()
		switch {
		case errors.Is(err, unix.ECHILD):
			r.childless()
		case err == nil && pid > 0:
			r.reap(pid)
		}
	}
}

// childless waits until there may be children again: orphans can only come from
// those we start. A child that we still know was waited for by somebody else,
// unless it was started just now.
func (r *Reaper) childless() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for pid := range r.children {
		r.reapLocked(pid)
	}
	for len(r.children) == 0 {
		r.started.Wait()
	}
}

// reap takes a process that has ended off the process table.
func (r *Reaper) reap(pid int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reapLocked(pid)
}

func (r *Reaper) reapLocked(pid int) {
	c := r.children[pid]
	if c != nil && c.ended != nil && hasEnded(pid) {
		c.ended(pid)
	}
	var status unix.WaitStatus
	var usage unix.Rusage
	got, err := wait4(pid, &status, &usage)
	if c == nil {
		// A stranger, or the child of a Start whose exec failed: Start has
		// reaped that one itself by the time we hold the lock.
		if got == pid {
			r.orphans++
		}
		return
	}
	if err == nil && got != pid {
		return // not ended after all
	}
	delete(r.children, pid)
	c.status, c.usage, c.err = status, usage, err
	close(c.done)
}

// hasEnded says whether a child waits to be reaped.
func hasEnded(pid int) bool {
	var usage unix.Rusage
	usage.Maxrss = -1 // stays so when nothing has ended
	err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT|unix.WNOHANG, &usage)
	return err == nil && usage.Maxrss >= 0
}

func wait4(pid int, status *unix.WaitStatus, usage *unix.Rusage) (int, error) {
	for {
		got, err := unix.Wait4(pid, status, unix.WNOHANG, usage)
		if !errors.Is(err, unix.EINTR) {
			return got, err
		}
	}
}
