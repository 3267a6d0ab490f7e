package supervisor

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hullvm/hull/agent"
	"github.com/hullvm/hull/manager/instance"
	"github.com/hullvm/hull/migrate/handoff"
)

var someSession = handoff.Session{1, 2, 3}

// fakeMove is a move that the test makes.
type fakeMove struct {
	t *testing.T
	Mover
	ctx   context.Context
	end   chan moved   // what the machine's Migrate returns
	reply chan outcome // what the client gets
	leave func()       // the client goes away
}

type outcome struct {
	reply *Reply
	err   error
}

// soon gives what a channel has, some day.
func soon[T any](t *testing.T, what string, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(20 * time.Second):
		t.Fatalf("waited in vain: %s", what)
	}
	return v
}

// doSoon asks in the background.
func (w *world) doSoon(q Request) (reply <-chan outcome, leave func()) {
	ctx, cancel := context.WithCancel(w.t.Context())
	out := make(chan outcome, 1)
	go func() {
		r, err := w.client.Do(ctx, q)
		out <- outcome{r, err}
	}()
	return out, cancel
}

// beginMove has a machine be on its way.
func beginMove(t *testing.T, w *world, m *fakeMachine, q Migrate) *fakeMove {
	t.Helper()
	v := &fakeMove{t: t, end: make(chan moved, 1), reply: make(chan outcome, 1)}
	begun := make(chan struct{})
	m.move = func(ctx context.Context, o Mover) (*Migrated, error) {
		v.ctx, v.Mover = ctx, o
		close(begun)
		out := <-v.end
		return out.report, out.err
	}
	q.To = "there"
	ctx, cancel := context.WithCancel(t.Context())
	v.leave = cancel
	go func() {
		r, err := w.client.Do(ctx, Request{Op: OpMigrate, Migrate: &q})
		v.reply <- outcome{r, err}
	}()
	soon(t, "the move begins", begun)
	return v
}

// must does what has to go well.
func (v *fakeMove) must(f func(context.Context) error) {
	v.t.Helper()
	if err := f(v.t.Context()); err != nil {
		v.t.Fatal(err)
	}
}

func (v *fakeMove) write(f handoff.SourceFate) {
	v.t.Helper()
	if err := v.Write(v.t.Context(), handoff.SourceRecord{Session: someSession, Fate: f}); err != nil {
		v.t.Fatalf("%v: %v", f, err)
	}
}

// cancelled waits until the move is told to end, and gives the cause.
func (v *fakeMove) cancelled() error {
	v.t.Helper()
	soon(v.t, "the move is cancelled", v.ctx.Done())
	return context.Cause(v.ctx)
}

// fails has the move fail, and its client hear of it.
func (v *fakeMove) fails(err error) error {
	v.t.Helper()
	v.end <- moved{err: err}
	out := soon(v.t, "an answer", v.reply)
	if out.err == nil {
		v.t.Fatalf("a move that failed: %+v", out.reply)
	}
	return out.err
}

func (w *world) status() instance.Status {
	w.t.Helper()
	st, err := w.store.State(testID)
	if err != nil {
		w.t.Fatal(err)
	}
	return st.Status
}

func TestAMachineMovesToAnotherHost(t *testing.T) {
	for _, keep := range []bool{false, true} {
		w, m := mustBegin(t, func(d *instance.Description) { d.Restart = "always" })
		waited, _ := w.doSoon(Request{Op: OpWait})
		v := beginMove(t, w, m, Migrate{Keep: keep})
		v.Tell(Moving{Phase: "copying", Round: 2, Sent: 7})
		if r, err := w.do(Request{Op: OpInspect}); err != nil || r.Monitor.Moving == nil || *r.Monitor.Moving != (Moving{Phase: "copying", Round: 2, Sent: 7}) {
			t.Errorf("inspect: %+v, %v", r, err)
		}
		if d, st, err := v.Instance(t.Context()); err != nil || d.ID != testID || st.Status != instance.Running {
			t.Errorf("%+v, %+v, %v", d, st, err)
		}
		v.must(v.Hold)
		v.must(v.Hold) // which is so
		if got := w.status(); got != instance.Running {
			t.Errorf("held, it is %s", got)
		}
		v.write(handoff.HandedOver)
		st := w.await("handed over", func(s *instance.State) bool { return s.Status == instance.HandedOver })
		if g := st.Migration; g == nil || g.Role != instance.Source || g.Peer != "there" || g.Session != someSession.String() || g.Moved || g.Since.IsZero() {
			t.Errorf("%+v", g)
		}
		if r, err := w.do(Request{Op: OpInspect}); err != nil || r.State.Status != instance.HandedOver {
			t.Errorf("inspect: %+v, %v", r, err)
		}
		v.write(handoff.Moved)
		if st, err := w.store.State(testID); err != nil || st.Status != instance.HandedOver || !st.Migration.Moved {
			t.Errorf("%+v, %v", st, err)
		}
		v.end <- moved{report: &Migrated{Rounds: 3}}
		out := soon(t, "an answer", v.reply)
		if out.err != nil || out.reply.Migrated == nil || out.reply.Migrated.Rounds != 3 || out.reply.State.Exit.Reason != instance.Migrated {
			t.Errorf("answered %+v, %v", out.reply, out.err)
		}
		if out := soon(t, "the end", waited); out.err != nil || out.reply.State.Exit.Reason != instance.Migrated {
			t.Errorf("who waited has %+v, %v", out.reply, out.err)
		}
		st = w.over()
		if st.Status != instance.Exited || st.Exit.Reason != instance.Migrated || st.Exit.Code != 0 || !st.ByUser || st.Restarting || !st.Gone() || !st.Migration.Moved {
			t.Errorf("%+v", st)
		}
		m.mustTell(t, "run", "migrate there", "pause", "discard", "close")
		if left := w.left.Load() == 1; left == keep {
			t.Errorf("keep %v, and it has left: %v", keep, left)
		}
		if got := w.happened(); !slices.Equal(got, []string{"start", "migrate", "die"}) {
			t.Errorf("events %v", got)
		}
	}
}

// A guest that was not given away goes on as it did.
func TestAMoveThatFails(t *testing.T) {
	boom := errors.New("no route")
	for _, paused := range []bool{false, true} {
		for _, handed := range []bool{false, true} {
			w, m := mustBegin(t, nil)
			want, told := instance.Running, []string{"run", "migrate there", "pause", "resume"}
			if paused {
				w.mustDo(Request{Op: OpPause})
				want, told = instance.Paused, []string{"run", "pause", "migrate there"}
			}
			v := beginMove(t, w, m, Migrate{})
			v.must(v.Hold)
			if handed {
				v.write(handoff.HandedOver)
				v.write(handoff.TakenBack)
			}
			v.must(v.LetGo)
			v.must(v.LetGo) // which is so
			if err := v.fails(boom); !strings.Contains(err.Error(), "no route") {
				t.Errorf("%v", err)
			}
			m.mustTell(t, told...)
			if st, err := w.store.State(testID); err != nil || st.Status != want || st.Migration != nil {
				t.Errorf("paused %v, handed over %v: %+v, %v", paused, handed, st, err)
			}
			next := OpPause
			if paused {
				next = OpUnpause
			}
			w.mustDo(Request{Op: next}) // it is nobody's business that it was to move
			w.mustDo(Request{Op: OpKill})
			if st := w.over(); st.Exit.Reason != instance.Killed || st.Gone() || w.left.Load() != 0 {
				t.Errorf("%+v", st)
			}
		}
	}
}

// What a machine remembers of how it came is there again when it is taken back.
func TestTakenBackIsAsBefore(t *testing.T) {
	w, m, a := mustArrive(t, false)
	a.end <- nil
	before := w.await("running", func(s *instance.State) bool { return s.Status == instance.Running })
	v := beginMove(t, w, m, Migrate{})
	v.write(handoff.HandedOver)
	v.write(handoff.TakenBack)
	v.write(handoff.TakenBack) // written again where that was unclear
	after, err := w.store.State(testID)
	if err != nil || after.Migration == nil || *after.Migration != *before.Migration || after.Status != instance.Running {
		t.Errorf("%+v, %v, was %+v", after, err, before)
	}
	_ = v.fails(errors.New("over"))
	w.mustDo(Request{Op: OpKill})
	w.over()
}

func TestAMoveIsCancelled(t *testing.T) {
	w, m := mustBegin(t, nil)
	if _, err := w.do(Request{Op: OpCancel}); instance.KindOf(err) != instance.KindWrongState {
		t.Errorf("cancelled what is not: %v", err)
	}
	v := beginMove(t, w, m, Migrate{})
	cancel, _ := w.doSoon(Request{Op: OpCancel})
	cause := v.cancelled()
	if !errors.Is(cause, errCancelled) {
		t.Errorf("cause %v", cause)
	}
	select {
	case out := <-cancel:
		t.Errorf("answered before the move has ended: %+v", out)
	default:
	}
	if err := v.fails(cause); !strings.Contains(err.Error(), "cancelled") {
		t.Errorf("who moved it has %v", err)
	}
	if out := soon(t, "an answer", cancel); out.err != nil || out.reply.State.Status != instance.Running {
		t.Errorf("who cancelled has %+v, %v", out.reply, out.err)
	}

	// One whose client has gone, too.
	v = beginMove(t, w, m, Migrate{})
	v.leave()
	if cause := v.cancelled(); !errors.Is(cause, errCancelled) {
		t.Errorf("cause %v", cause)
	}
	if err := v.fails(errCancelled); !errors.Is(err, context.Canceled) {
		t.Errorf("who left has %v", err)
	}
	// The third is not held up by it, and is cancelled too late.
	for {
		_, err := w.do(Request{Op: OpPause})
		if err == nil {
			break
		}
		if instance.KindOf(err) != instance.KindBusy {
			t.Fatal(err)
		}
	}
	w.mustDo(Request{Op: OpUnpause})
	v = beginMove(t, w, m, Migrate{})
	late, _ := w.doSoon(Request{Op: OpCancel})
	v.cancelled()
	v.write(handoff.HandedOver) // it was on its way already
	if _, err := w.do(Request{Op: OpCancel}); instance.KindOf(err) != instance.KindWrongState || !strings.Contains(err.Error(), "handed over to there") {
		t.Errorf("cancelled what is handed over: %v", err)
	}
	v.end <- moved{report: new(Migrated)}
	if out := soon(t, "an answer", late); instance.KindOf(out.err) != instance.KindWrongState || !strings.Contains(out.err.Error(), "too late") {
		t.Errorf("who cancelled too late has %+v, %v", out.reply, out.err)
	}
	if out := soon(t, "an answer", v.reply); out.err != nil {
		t.Error(out.err)
	}
	if st := w.over(); st.Exit.Reason != instance.Migrated {
		t.Errorf("%+v", st)
	}
}

func TestAUsersWordEndsTheDoubt(t *testing.T) {
	for side, want := range map[instance.Role]handoff.Event{instance.Source: handoff.ResolveSource, instance.Target: handoff.ResolveTarget} {
		w, m := mustBegin(t, nil)
		v := beginMove(t, w, m, Migrate{})
		if _, err := w.do(Request{Op: OpResolve, Side: side}); instance.KindOf(err) != instance.KindWrongState {
			t.Errorf("%s, with no doubt: %v", side, err)
		}
		v.write(handoff.HandedOver)
		if _, err := w.do(Request{Op: OpResolve, Side: "both"}); instance.KindOf(err) != instance.KindInvalid {
			t.Errorf("both: %v", err)
		}
		w.mustDo(Request{Op: OpResolve, Side: side})
		if _, err := w.do(Request{Op: OpResolve, Side: side}); instance.KindOf(err) != instance.KindBusy {
			t.Errorf("%s, twice: %v", side, err)
		}
		if got := soon(t, "a user's word", v.Resolved()); got != want {
			t.Errorf("%s: %v", side, got)
		}
		w.mustDo(Request{Op: OpResolve, Side: side}) // which was not enough, say
		v.end <- moved{err: errors.New("taken back")}
		_ = soon(t, "an answer", v.reply)
		w.mustDo(Request{Op: OpKill})
		w.over()
	}
}

func TestWhatIsDoneWhileAMachineMoves(t *testing.T) {
	w, m := mustBegin(t, nil)
	v := beginMove(t, w, m, Migrate{})
	for _, q := range []Request{{Op: OpPause}, {Op: OpUnpause}, {Op: OpSave, Save: &Save{Dir: "/d"}}, {Op: OpUpdate, Update: new(instance.Update)}, {Op: OpMigrate, Migrate: &Migrate{To: "x"}}} {
		if _, err := w.do(q); instance.KindOf(err) != instance.KindBusy || !strings.Contains(err.Error(), "--cancel") {
			t.Errorf("%s: %v", q.Op, err)
		}
	}
	w.mustDo(Request{Op: OpInspect})
	w.mustDo(Request{Op: OpResize, Size: &agent.WinSize{}})
	v.must(v.Hold)
	m.deaf = true // while it is held
	stopped, _ := w.doSoon(Request{Op: OpStop})
	w.await("stopping", func(s *instance.State) bool { return s.Status == instance.Stopping })
	// It is not given away any more.
	err := v.Write(t.Context(), handoff.SourceRecord{Session: someSession, Fate: handoff.HandedOver})
	if instance.KindOf(err) != instance.KindWrongState || w.status() != instance.Stopping {
		t.Errorf("handed over while it stops: %v; it is %s", err, w.status())
	}
	v.must(v.LetGo)
	if err := v.Hold(t.Context()); err == nil {
		t.Error("held while it stops")
	}
	m.finish(End{Reason: instance.PowerOff})
	cause := v.cancelled()
	if err := v.fails(cause); !strings.Contains(err.Error(), "ended before") {
		t.Errorf("who moved it has %v", err)
	}
	if out := soon(t, "the stop's answer", stopped); out.err != nil || out.reply.State.Exit.Reason != instance.Stopped {
		t.Errorf("%+v, %v", out.reply, out.err)
	}
	if st := w.over(); st.Exit.Reason != instance.Stopped || st.Gone() {
		t.Errorf("%+v", st)
	}
	m.mustTell(t, "run", "migrate there", "resize", "pause", "button", "resume", "close")
}

func TestWhatDoesNotMove(t *testing.T) {
	w, m := mustBegin(t, nil)
	for _, q := range []*Migrate{nil, {}} {
		if _, err := w.do(Request{Op: OpMigrate, Migrate: q}); instance.KindOf(err) != instance.KindInvalid {
			t.Errorf("%+v: %v", q, err)
		}
	}
	m.deaf = true
	_, leave := w.doSoon(Request{Op: OpStop})
	defer leave()
	w.await("stopping", func(s *instance.State) bool { return s.Status == instance.Stopping })
	if _, err := w.do(Request{Op: OpMigrate, Migrate: &Migrate{To: "there"}}); instance.KindOf(err) != instance.KindWrongState {
		t.Errorf("while it stops: %v", err)
	}
	w.mustDo(Request{Op: OpKill})
	w.over()
}

// What is killed while another host may have it is not this host's again by that.
func TestAKillWhileItIsHandedOver(t *testing.T) {
	for _, op := range []Op{OpKill, OpStop} {
		w, m := mustBegin(t, func(d *instance.Description) { d.Restart = "always" })
		v := beginMove(t, w, m, Migrate{})
		v.must(v.Hold)
		v.write(handoff.HandedOver)
		killed, _ := w.doSoon(Request{Op: op})
		cause := v.cancelled()
		if err := v.fails(cause); instance.KindOf(err) != instance.KindWrongState {
			t.Errorf("who moved it has %v", err)
		}
		if out := soon(t, "the kill's answer", killed); out.err != nil || out.reply.State.Exit.Reason != instance.Lost {
			t.Errorf("%+v, %v", out.reply, out.err)
		}
		st := w.over()
		if st.Exit.Reason != instance.Lost || !strings.Contains(st.Exit.Detail, "there") || !st.Gone() || st.Migration.Moved || !st.ByUser || st.Restarting || w.left.Load() != 0 {
			t.Errorf("%s: %+v", op, st)
		}
		m.mustTell(t, "run", "migrate there", "pause", "kill", "close")
	}
}

// A machine that ends by itself before it is given away has ended, and that is all.
func TestAMachineEndsOnItsWay(t *testing.T) {
	w, m := mustBegin(t, func(d *instance.Description) { d.Restart = "on-failure" })
	v := beginMove(t, w, m, Migrate{})
	cancel, _ := w.doSoon(Request{Op: OpCancel})
	v.cancelled()
	m.finish(End{Reason: instance.PowerOff})
	if err := v.Hold(t.Context()); err != nil { // whether it is held or gone does not matter
		t.Error(err)
	}
	if err := v.fails(errors.New("it is gone")); instance.KindOf(err) != instance.KindWrongState {
		t.Errorf("who moved it has %v", err)
	}
	if out := soon(t, "an answer", cancel); out.err != nil {
		t.Errorf("who cancelled has %v", out.err)
	}
	if st := w.over(); st.Exit.Reason != instance.PowerOff || st.Migration != nil || st.ByUser {
		t.Errorf("%+v", st)
	}
}

// The target's word counts also where the machine here has ended before it was heard.
func TestAMachineEndsAsItHasMoved(t *testing.T) {
	w, m := mustBegin(t, nil)
	v := beginMove(t, w, m, Migrate{})
	v.must(v.Hold)
	v.write(handoff.HandedOver)
	m.finish(End{Reason: instance.MonitorCrash})
	v.cancelled()
	v.write(handoff.Moved)
	v.end <- moved{report: &Migrated{Rounds: 4}}
	out := soon(t, "an answer", v.reply)
	if out.err != nil || out.reply.Migrated == nil || out.reply.Migrated.Rounds != 4 {
		t.Errorf("answered %+v, %v", out.reply, out.err)
	}
	if st := w.over(); st.Exit.Reason != instance.Migrated || !st.Migration.Moved || w.left.Load() != 1 {
		t.Errorf("%+v, left %d times", st, w.left.Load())
	}
}

// What could not be written does not count, and the guest that could not be let go is
// helped by unpause.
func TestAMoveWhereThingsFail(t *testing.T) {
	w, m := mustBegin(t, nil)
	v := beginMove(t, w, m, Migrate{})
	v.must(v.Hold)
	state := filepath.Join(w.store.Dir(testID), "state.json")
	saved, err := os.ReadFile(state)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Remove(state), os.MkdirAll(filepath.Join(state, "x"), 0o700)); err != nil {
		t.Fatal(err)
	}
	if err := v.Write(t.Context(), handoff.SourceRecord{Session: someSession, Fate: handoff.HandedOver}); err == nil {
		t.Error("handed over without a word on the disk")
	}
	if err := errors.Join(os.RemoveAll(state), os.WriteFile(state, saved, 0o600)); err != nil {
		t.Fatal(err)
	}
	v.write(handoff.TakenBack)
	if w.status() != instance.Running {
		t.Errorf("it is %s", w.status())
	}
	m.mu.Lock()
	m.failing = map[string]error{"resume": errors.New("no answer")}
	m.mu.Unlock()
	if err := v.LetGo(t.Context()); err == nil || !strings.Contains(err.Error(), "unpause") {
		t.Errorf("let go: %v", err)
	}
	m.mu.Lock()
	m.failing = map[string]error{"pause": errors.New("no answer")}
	m.mu.Unlock()
	if err := v.Hold(t.Context()); err == nil {
		t.Error("held, and the monitor did not answer")
	}
	_ = v.fails(errors.New("over"))
	w.mustDo(Request{Op: OpUnpause})
	w.mustDo(Request{Op: OpKill})
	w.over()
	m.mustTell(t, "run", "migrate there", "pause", "resume", "pause", "resume", "resume", "kill", "close")
}
