package migrate

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hullvm/hull/devices/devicestest"
	"github.com/hullvm/hull/migrate/handoff"
	"github.com/hullvm/hull/migrate/wire"
)

// quick are waits of tests that are about what is not waited for.
var quick = Patience{
	Connect: time.Minute, Prepare: time.Minute, Answer: time.Minute, Retry: time.Millisecond,
	Commit: time.Minute, Logs: time.Minute,
}

func send(w *world, g *guest, p Patience) (*Report, error) {
	return Send(w.t.Context(), w, leaving{g}, Options{Channels: 2, Compression: []string{"none"}, Downtime: time.Second, Patience: p})
}

// sendAgain is send when the target has done with what came before.
func sendAgain(w *world, g *guest, p Patience) (*Report, error) {
	for {
		r, err := send(w, g, p)
		if err == nil || !strings.Contains(err.Error(), "another machine is arriving") {
			return r, err
		}
	}
}

func TestAMachineMoves(t *testing.T) {
	devicestest.CheckGoroutines(t)
	w, g := newWorld(t), newGuest(t)
	errs := w.receives(g, quick)
	report, err := send(w, g, quick)
	if err != nil {
		t.Fatal(err)
	}
	if g.here || !g.there || g.started != 1 || g.removed != 0 {
		t.Errorf("here %v, there %v, started %d, removed %d", g.here, g.there, g.started, g.removed)
	}
	if report.Rounds != 3 || report.Sent != 2*40<<20 || report.Unheard || report.Unlogged != nil {
		t.Errorf("report %+v", report)
	}
	if g.log != "one\ntwo\n" || !g.logged {
		t.Errorf("log %q, whole %v", g.log, g.logged)
	}
	if g.source.Fate != handoff.Moved || g.source.Operator {
		t.Errorf("the source's record is %+v", g.source)
	}
	want := "greeting describing copying holding prepared handed-over running"
	if got := strings.Join(g.phases, " "); got != want {
		t.Errorf("phases %s, want %s", got, want)
	}
	if e := errs(); len(e) > 0 {
		t.Errorf("the target: %v", e)
	}
}

// A connection for memory of another session, one that is there already, and one of a
// number that there is not are closed, and so is one that wants another machine here.
func TestConnectionsOfOthersAreNotTaken(t *testing.T) {
	devicestest.CheckGoroutines(t)
	w, g := newWorld(t), newGuest(t)
	errs := w.receives(g, quick)
	strangers := make(chan memory, 10)
	w.before = func(s wire.Session, number uint8) {
		if number != 1 {
			return
		}
		for _, m := range []wire.Channel{{Session: wire.NewSession()}, {Session: s, Number: 7}, {Session: s, Number: 0}} {
			c := newConnection()
			strangers <- c
			w.openings <- &Opening{First: m, Channel: c}
		}
		_, err := Send(t.Context(), w, leaving{newGuest(t)}, Options{Channels: 1, Patience: quick})
		if err == nil || !strings.Contains(err.Error(), "another machine is arriving") {
			t.Errorf("a second machine: %v", err)
		}
	}
	if _, err := send(w, g, quick); err != nil || g.here || !g.there {
		t.Errorf("%v; here %v, there %v", err, g.here, g.there)
	}
	close(strangers)
	for c := range strangers {
		<-c.closed
	}
	if e := errs(); len(e) > 0 {
		t.Errorf("the target: %v", e)
	}
}

// faults are messages that are lost with their connection, or are the last on it.
var faults = []wire.Type{
	wire.TypeHello, wire.TypeDescribe, wire.TypeAccept, wire.TypePaused, wire.TypeState, wire.TypeFinal,
	wire.TypePrepared, wire.TypeCommit, wire.TypeRunning, wire.TypeLog, wire.TypeLogEnd, wire.TypeFarewell,
}

// Whatever message is the last of a connection: one host has the machine in the end, and
// both know it. A move that came to nothing is followed by one that succeeds.
func TestConnectionsThatEndAnywhere(t *testing.T) {
	for _, kind := range faults {
		for _, became := range []fate{lost, last} {
			for _, back := range []bool{false, true} {
				t.Run(fmt.Sprintf("%v %d %v", kind, became, back), func(t *testing.T) {
					devicestest.CheckGoroutines(t)
					w, g := newWorld(t), newGuest(t)
					p := quick
					if kind >= wire.TypeRunning || kind >= wire.TypePaused && kind <= wire.TypePrepared {
						p.Commit = 50 * time.Millisecond // nobody makes a new connection
					}
					w.receives(g, p)
					done := false
					w.meddle = func(m wire.Message, toTarget bool) fate {
						if m.Type() != kind || done || kind == wire.TypeHello && toTarget != back {
							return arrives
						}
						done = true
						return became
					}
					_, err := send(w, g, p)
					decided := kind >= wire.TypeCommit
					switch {
					case decided && err != nil:
						t.Fatalf("it was handed over, and %v", err)
					case !decided && err == nil && (became == lost || kind < wire.TypeFinal): // what follows may have come before the end
						t.Error("it moved without a connection")
					}
					if g.here == g.there {
						t.Fatalf("here %v, there %v", g.here, g.there)
					}
					if err != nil {
						if _, err = sendAgain(w, g, p); err != nil || g.here || !g.there {
							t.Errorf("the next move: %v; here %v, there %v", err, g.here, g.there)
						}
					}
				})
			}
		}
	}
}

// What goes wrong on either host before the machine is handed over leaves it where it
// was.
func TestThingsThatFail(t *testing.T) {
	for _, what := range []string{
		"describe", "begin", "pass", "hold", "last", "write handed-over",
		"judge", "begin there", "wait", "load", "write prepared", "write running", "run",
	} {
		t.Run(what, func(t *testing.T) {
			devicestest.CheckGoroutines(t)
			w, g := newWorld(t), newGuest(t)
			w.receives(g, quick)
			g.failing[what] = errors.New("no luck with " + what)
			_, err := send(w, g, quick)
			if err == nil || !g.here || g.there || g.started > 0 {
				t.Fatalf("%v; here %v, there %v, started %d", err, g.here, g.there, g.started)
			}
			if !strings.HasPrefix(what, "write") && !strings.Contains(err.Error(), "no luck with "+what) {
				t.Errorf("error is %v", err)
			}
			g.mu.Lock()
			delete(g.failing, what)
			g.mu.Unlock()
			if _, err := sendAgain(w, g, quick); err != nil || g.here || !g.there {
				t.Errorf("the next move: %v; here %v, there %v", err, g.here, g.there)
			}
		})
	}
}

func TestAMoveThatIsCancelled(t *testing.T) {
	for _, kind := range []wire.Type{wire.TypeHello, wire.TypeAccept, wire.TypePaused, wire.TypeFinal, wire.TypePrepared, wire.TypeCommit, wire.TypeRunning} {
		t.Run(kind.String(), func(t *testing.T) {
			devicestest.CheckGoroutines(t)
			w, g := newWorld(t), newGuest(t)
			w.receives(g, quick)
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			w.meddle = func(m wire.Message, _ bool) fate {
				if m.Type() == kind {
					cancel(errors.New("nobody wants it"))
				}
				return arrives
			}
			_, err := Send(ctx, w, leaving{g}, Options{Channels: 1, Downtime: time.Second, Patience: quick})
			if g.here == g.there || (err == nil) != g.there {
				t.Fatalf("%v; here %v, there %v", err, g.here, g.there)
			}
			if kind >= wire.TypeCommit && err != nil {
				t.Errorf("it was cancelled after it was handed over: %v", err)
			}
			if err != nil && !strings.Contains(err.Error(), "nobody wants it") {
				t.Errorf("error is %v", err)
			}
		})
	}
}

// forgetful is a host that knows of no session.
type forgetful struct{}

func (forgetful) Answer(_ context.Context, s wire.Session) wire.Answer {
	return wire.Answer{Session: s, Outcome: wire.OutcomeUnknown}
}

// A user ends the doubt when nobody answers.
func TestADoubtThatAUserEnds(t *testing.T) {
	for _, word := range []handoff.Event{handoff.ResolveSource, handoff.ResolveTarget} {
		t.Run(word.String(), func(t *testing.T) {
			devicestest.CheckGoroutines(t)
			w, g := newWorld(t), newGuest(t)
			p := quick
			p.Commit = time.Millisecond // it gives up at once
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			received := make(chan error, 1)
			go func() {
				in, err := Await(ctx, w, forgetful{}, p, nil)
				if err == nil {
					err = in.Run(ctx, coming{g})
				}
				received <- err
			}()
			w.meddle = func(m wire.Message, _ bool) fate {
				if m.Type() == wire.TypeCommit {
					return lost
				}
				return arrives
			}
			go func() {
				<-received // the target is gone, and nobody answers there
				g.resolved <- word
			}()
			ours := p
			ours.Answer = 10 * time.Millisecond
			report, err := send(w, g, ours)
			if word == handoff.ResolveTarget {
				if err != nil || !report.Unheard || g.here {
					t.Errorf("%+v, %v; here %v", report, err, g.here)
				}
				return
			}
			if err == nil || !g.here || g.source.Fate != handoff.TakenBack || !g.source.Operator {
				t.Errorf("%v; here %v, record %+v", err, g.here, g.source)
			}
		})
	}
}
