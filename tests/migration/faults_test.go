package migration

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/hullvm/hull/tests/guestload"
	"github.com/hullvm/hull/tests/migration/faultproxy"
)

// outcome is what may become of a move that something happens to.
type outcome string

const (
	stays     outcome = "stays"     // the guest goes on at the source
	moves     outcome = "moves"     // it goes on at the target
	lost      outcome = "lost"      // it runs nowhere: what ran it was killed
	undecided outcome = "undecided" // handed over, and nothing is heard of the target
)

// settled waits until it is known what became of a move of a machine.
func (m *moving) settled(a *attempt) (is outcome) {
	m.t.Helper()
	select {
	case <-a.migrate.ended:
	case <-time.After(guestload.Patience): // it was stopped, or hangs: what became of the machine shows
	}
	m.await("it is known what became of "+m.name, func() string {
		source, target := a.from.status(m.name), a.to.status(m.name)
		at := fmt.Sprintf("it is %q at the source, and %q at the target", source, target)
		gone := func(s string) bool { return s == "" || s == "exited" }
		switch {
		case source == "running" && target == "running":
			m.t.Fatal(at)
		case source == "running" && gone(target):
			if len(a.to.Processes("hull-vmm")) > 0 {
				return at + ", which has a monitor" // the move may go on without who asked for it
			}
			is = stays
		case gone(source) && target == "running":
			is = moves
		case gone(source) && gone(target):
			is = lost
		case source == "handed-over" && gone(target):
			is = undecided
			// It goes on asking; whether there is an answer shows when the target is over.
			if len(a.to.Processes("hull-supervisor")) > 0 {
				return at
			}
		default:
			return at
		}
		return ""
	})
	return is
}

// ends holds a move that something happened to to one of some outcomes: the guest is what
// it was, on one side, and the other has nothing of it. A guest that is lost is nil.
func (m *moving) ends(a *attempt, before *guestload.Report, may ...outcome) *moving {
	m.t.Helper()
	m.settled(a)
	a.over()
	// The commands' end may decide it: what was asked for was given up.
	is := m.settled(a)
	m.t.Logf("%s; frames %v", is, a.proxy.Seen())
	if !slices.Contains(may, is) {
		m.t.Fatalf("it %s, want one of %v\n%v\n%v", is, may, a.migrate, a.receive)
	}
	if is == undecided {
		a.from.hull("migrate", "--resolve", "source", m.name)
		is = stays
	}
	for _, s := range m.sides { // what a killed supervisor has left is found, and removed
		if strings.HasPrefix(s.status(m.name), "exited") {
			s.hull("rm", m.name)
		}
	}
	if is == lost {
		m.beats.check(m.t)
		m.HangUp()
		m.beats.close()
		for _, s := range m.sides {
			s.nothingIsLeft()
		}
		return nil
	}
	at := a.from
	if is == moves {
		at = a.to
	}
	if r := m.runner(); r != at {
		m.t.Fatalf("it runs on side %s, and %s", r.name, is)
	}
	m.other(at).nothingIsLeft()
	m.isItself(before)
	return m
}

// silence is longer than a side waits for a peer that says nothing (5 s).
const silence = 8 * time.Second

// strikeAt begins a move and has a fault of the network strike it.
func (m *moving) strikeAt(plan faultproxy.Plan) (*attempt, *guestload.Report) {
	m.t.Helper()
	before := m.Do("report")
	a := m.attempt(plan)
	m.reached(a, plan)
	if plan.Fault == faultproxy.Stall || plan.Refuse {
		time.Sleep(silence)
		a.proxy.Lift()
	}
	return a, before
}

// reached waits until a plan's point was, and its fault has struck.
func (m *moving) reached(a *attempt, plan faultproxy.Plan) {
	m.t.Helper()
	m.comes(a, plan.Point, a.proxy.Reached())
}

// comes waits until a move comes to a point.
func (m *moving) comes(a *attempt, point faultproxy.Point, at <-chan struct{}) {
	m.t.Helper()
	select {
	case <-at:
	case <-a.migrate.ended:
		select {
		case <-at:
		case <-time.After(time.Second):
			m.t.Fatalf("the move was over, and never came to %v: frames %v\n%v\n%v", point, a.proxy.Seen(), a.migrate, a.receive)
		}
	case <-time.After(guestload.Patience):
		m.t.Fatalf("it does not come to %v: frames %v\n%v\n%v", point, a.proxy.Seen(), a.migrate, a.receive)
	}
}

// hold begins a move and has the frame at a point wait, until it is released. What the
// guest was before is returned too.
func (m *moving) hold(point faultproxy.Point) (a *attempt, before *guestload.Report, release func()) {
	m.t.Helper()
	before = m.Do("report")
	at, free := make(chan struct{}), make(chan struct{})
	a = m.attempt(faultproxy.Plan{Point: point, Reached: func() {
		close(at)
		<-free
	}})
	release = sync.OnceFunc(func() { close(free) })
	m.t.Cleanup(release) // before the proxy's, which waits
	m.comes(a, point, at)
	return a, before, release
}

// victim is a process of a move.
type victim struct {
	name    string
	program string // "" for the command
	source  bool
}

var victims = []victim{
	{"the source's supervisor", "hull-supervisor", true},
	{"the source's monitor", "hull-vmm", true},
	{"hull migrate", "", true},
	{"the target's supervisor", "hull-supervisor", false},
	{"the target's monitor", "hull-vmm", false},
	{"hull receive", "", false},
}

// signal sends one to all processes of a kind.
func (v victim) signal(a *attempt, sig syscall.Signal) {
	c, s := a.receive, a.to
	if v.source {
		c, s = a.migrate, a.from
	}
	if v.program == "" {
		c.signal(sig)
		return
	}
	for _, pid := range s.Processes(v.program) {
		_ = syscall.Kill(pid, sig) // it may be gone by now
	}
}

// hit begins a move, and kills a process at a point, while the frame waits, or has it stand
// still for a while.
func (m *moving) hit(point faultproxy.Point, v victim, kill bool) (*attempt, *guestload.Report) {
	m.t.Helper()
	a, before, release := m.hold(point)
	defer release()
	if kill {
		v.signal(a, syscall.SIGKILL)
		return a, before
	}
	v.signal(a, syscall.SIGSTOP)
	release()
	time.Sleep(silence)
	v.signal(a, syscall.SIGCONT)
	return a, before
}
