package migration

import (
	"fmt"
	"testing"
	"time"

	"github.com/hullvm/hull/tests/migration/faultproxy"
)

// phase is a point of a move, and what a fault there may lead to.
type phase struct {
	faultproxy.Point
	cut    []outcome // the connections are gone, or what comes is no good
	killed []outcome // the source's supervisor or monitor is
	orphan []outcome // the target's supervisor or monitor is killed
	paused []outcome // a process stood still for longer than the other side waits
}

var (
	goesOn   = []outcome{stays}
	either   = []outcome{stays, moves}
	arrives  = []outcome{moves}
	isLost   = []outcome{lost}
	maybe    = []outcome{lost, moves}
	resolved = []outcome{stays, undecided}
	unheard  = []outcome{stays, undecided, lost}
)

// phases are those of docs/migration-protocol.md. The frame waits before it is seen by who
// reads it, so that whoever sent it has done what comes before.
var phases = []phase{
	{faultproxy.Point{Frame: faultproxy.Describe}, goesOn, isLost, goesOn, either},
	{faultproxy.Point{Frame: faultproxy.Accept}, goesOn, isLost, goesOn, either},
	{faultproxy.Point{Frame: faultproxy.Channel}, goesOn, isLost, goesOn, either},
	{faultproxy.Point{Bytes: 1 << 20, Channel: faultproxy.Any}, goesOn, isLost, goesOn, either},
	{faultproxy.Point{Frame: faultproxy.EpochEnd}, goesOn, isLost, goesOn, either},
	{faultproxy.Point{Frame: faultproxy.EpochDone}, goesOn, isLost, goesOn, either},
	{faultproxy.Point{Frame: faultproxy.Paused}, goesOn, isLost, goesOn, either},
	{faultproxy.Point{Frame: faultproxy.State}, goesOn, isLost, goesOn, either},
	{faultproxy.Point{Frame: faultproxy.Final}, goesOn, isLost, goesOn, either},
	{faultproxy.Point{Frame: faultproxy.Prepared}, goesOn, isLost, goesOn, either},
	// From here on it is written down that the machine is the target's.
	{faultproxy.Point{Frame: faultproxy.Commit}, arrives, maybe, resolved, either},
	{faultproxy.Point{Frame: faultproxy.Running}, arrives, arrives, unheard, arrives},
	{faultproxy.Point{Frame: faultproxy.Log}, arrives, arrives, isLost, arrives},
	{faultproxy.Point{Frame: faultproxy.Farewell}, arrives, arrives, isLost, arrives},
}

// TestFaults has each phase of a move meet each fault of the network. The guest goes on as
// it was, on the one side that it may be on; the other has nothing of it; and the next move
// succeeds.
func TestFaults(t *testing.T) {
	w := newWorld(t)
	w.shape("delay", "1ms")
	m := w.boot(w.sides[0])
	for _, p := range phases {
		for _, f := range []struct {
			fault  faultproxy.Fault
			refuse bool
		}{
			{faultproxy.Cut, false},
			{faultproxy.Cut, true},
			{faultproxy.HalfClose, false},
			{faultproxy.Stall, false},
			{faultproxy.Corrupt, false},
			{faultproxy.Duplicate, false},
			{faultproxy.Slow, false},
		} {
			name := fmt.Sprintf("%v %v", f.fault, p.Point)
			if f.refuse {
				name += " and the link is down"
			}
			if !wanted(name) {
				continue
			}
			t.Logf("=== %s", name)
			plan := faultproxy.Plan{Point: p.Point, Fault: f.fault, Refuse: f.refuse, Rate: 4 << 20}
			may := p.cut
			switch f.fault {
			case faultproxy.Slow: // slow is no reason to give up
				may = arrives
			case faultproxy.Duplicate: // a second connection of the session is none of it
				may = arrives
			}
			a, before := m.strikeAt(plan)
			m.ends(a, before, may...)
			m.move()
		}
	}
	m.end()
}

// TestProcessFaults has processes of either side killed, and stand still, in each phase.
func TestProcessFaults(t *testing.T) {
	w := newWorld(t)
	var m *moving
	for _, p := range phases {
		for _, v := range victims {
			for _, kill := range []bool{true, false} {
				name := fmt.Sprintf("%s stands still %v", v.name, p.Point)
				may := p.paused
				if kill {
					name = fmt.Sprintf("%s is killed %v", v.name, p.Point)
					switch {
					case v.program == "":
						may = either // who asked for a move is gone: it goes on, or is given up
					case v.source:
						may = p.killed
					default:
						may = p.orphan
					}
				}
				if !wanted(name) {
					continue
				}
				t.Logf("=== %s", name)
				if m == nil {
					m = w.boot(w.sides[0])
				}
				a, before := m.hit(p.Point, v, kill)
				if m = m.ends(a, before, may...); m != nil {
					m.move()
				}
			}
		}
	}
	if m != nil {
		m.end()
	}
}

// TestTheLinkIsUnplugged has packets vanish, so that neither side is told of anything, and
// the link come back before and after a side gives up.
func TestTheLinkIsUnplugged(t *testing.T) {
	w := newWorld(t)
	m := w.boot(w.sides[0])
	for _, p := range []phase{phases[3], phases[6], phases[10]} {
		t.Logf("=== %v", p.Point)
		a, before, release := m.hold(p.Point)
		w.must(w.network.Unplug())
		release()
		time.Sleep(silence)
		w.must(w.network.Plug())
		m.ends(a, before, p.cut...)
		m.move()
	}
	m.end()
}
