package supervisor

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/hullvm/hull/manager/instance"
)

// fakeArrival is an arrival that the test makes.
type fakeArrival struct {
	Arriver
	ctx    context.Context
	paused bool
	begun  chan struct{}
	end    chan error // what Receive returns
}

func (a *fakeArrival) Receive(ctx context.Context, _ Machine, to Arriver) error {
	a.ctx, a.Arriver = ctx, to
	close(a.begun)
	return <-a.end
}

func (a *fakeArrival) Paused() bool { return a.paused }

// expect has an instance wait for its machine.
func expect(t *testing.T, paused bool) (*world, *fakeMachine, *fakeArrival) {
	t.Helper()
	a := &fakeArrival{paused: paused, begun: make(chan struct{}), end: make(chan error, 1)}
	w := beginWith(t, func(d *instance.Description) { d.Restart = "on-failure:1" }, nil, a)
	m := w.next()
	soon(t, "the arrival begins", a.begun)
	if !m.launch.Incoming {
		t.Error("the monitor is not told that its machine arrives")
	}
	return w, m, a
}

// mustArrive has a machine be here.
func mustArrive(t *testing.T, paused bool) (*world, *fakeMachine, *fakeArrival) {
	t.Helper()
	w, m, a := expect(t, paused)
	if err := errors.Join(a.Own(t.Context()), a.Enter(t.Context()), soon(t, "the start", w.started)); err != nil {
		t.Fatal(err)
	}
	m.mustTell(t, map[bool]string{false: "enter false", true: "enter true"}[paused])
	return w, m, a
}

// fails has an arrival fail, and wants the supervisor to end by that and leave nothing.
func (w *world) failsToArrive(m *fakeMachine, a *fakeArrival, err error) {
	w.t.Helper()
	a.end <- err
	if got := soon(w.t, "the start", w.started); !errors.Is(got, err) {
		w.t.Errorf("started: %v, want %v", got, err)
	}
	if got := soon(w.t, "the supervisor's end", w.done); !errors.Is(got, err) {
		w.t.Errorf("the supervisor ended with %v, want %v", got, err)
	}
	soon(w.t, "the monitor's end", m.ended)
	if w.group.clears != 1 {
		w.t.Errorf("the group was cleared %d times", w.group.clears)
	}
	if got := w.status(); got != instance.Receiving {
		w.t.Errorf("it is %s", got)
	}
	if got := w.happened(); len(got) != 0 {
		w.t.Errorf("events %v", got)
	}
}

func TestAMachineArrives(t *testing.T) {
	for _, paused := range []bool{false, true} {
		w, m, a := expect(t, paused)
		if r, err := w.do(Request{Op: OpInspect}); err != nil || r.State.Status != instance.Receiving || r.Monitor == nil {
			t.Errorf("inspect: %+v, %v", r, err)
		}
		for _, op := range []Op{OpPause, OpUnpause, OpUpdate, OpSave, OpMigrate, OpCancel, OpResolve, OpResize} {
			if _, err := w.do(Request{Op: op}); instance.KindOf(err) != instance.KindWrongState || !strings.Contains(err.Error(), "arrives from there") {
				t.Errorf("%s: %v", op, err)
			}
		}
		want := instance.Running
		if paused {
			want = instance.Paused
		}
		if err := a.Own(t.Context()); err != nil {
			t.Fatal(err)
		}
		st, err := w.store.State(testID)
		if err != nil || st.Status != want || st.Monitor != 4711 || st.Supervisor != os.Getpid() || st.Started.IsZero() || st.Migration.Role != instance.Target {
			t.Errorf("%+v, %v", st, err)
		}
		select {
		case <-w.started:
			t.Error("it has started before its guest was let go")
		default:
		}
		if err := errors.Join(a.Enter(t.Context()), soon(t, "the start", w.started)); err != nil {
			t.Fatal(err)
		}
		if err := a.Disown(t.Context()); err == nil || w.status() != want {
			t.Errorf("disowned while it runs: %v; it is %s", err, w.status())
		}
		select {
		case <-w.arrived:
			t.Error("all has come before its log has")
		default:
		}
		a.end <- errors.New("the log is cut off")
		soon(t, "that all has come", w.arrived)
		if !strings.Contains(w.log.String(), "the log is cut off") {
			t.Errorf("log: %s", w.log.String())
		}
		next := OpPause
		if paused {
			next = OpUnpause
		}
		w.mustDo(Request{Op: next})
		one := 1
		m.finish(End{Reason: instance.PowerOff, Status: &one})
		again := w.next() // by its policy, and it boots
		if again.launch.Incoming || again.launch.First {
			t.Errorf("%+v", again.launch)
		}
		w.await("running", func(s *instance.State) bool { return s.Status == instance.Running })
		w.mustDo(Request{Op: OpKill})
		if st := w.over(); st.Exit.Reason != instance.Killed || st.Gone() {
			t.Errorf("%+v", st)
		}
		if got := w.happened(); got[0] != "migrate" || slices.Contains(got, "start") {
			t.Errorf("events %v", got)
		}
	}
}

func TestAMachineThatDoesNotArrive(t *testing.T) {
	boom := errors.New("the source is gone")
	t.Run("before it is here", func(t *testing.T) {
		w, m, a := expect(t, false)
		waited, _ := w.doSoon(Request{Op: OpWait})
		w.mustDo(Request{Op: OpInspect}) // the wait is likely to be there by then
		w.failsToArrive(m, a, boom)
		if out := soon(t, "an answer", waited); !errors.Is(out.err, ErrGone) {
			t.Errorf("who waited has %+v, %v", out.reply, out.err)
		}
		m.mustTell(t, "kill", "close")
	})
	t.Run("when it is owned", func(t *testing.T) {
		w, m, a := expect(t, false)
		m.failing = map[string]error{"enter false": ErrNotEntered}
		if err := a.Own(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := a.Enter(t.Context()); !errors.Is(err, ErrNotEntered) {
			t.Errorf("entered: %v", err)
		}
		if err := a.Disown(t.Context()); err != nil {
			t.Fatal(err)
		}
		st, err := w.store.State(testID)
		if err != nil || st.Status != instance.Receiving || !st.Started.IsZero() || st.Monitor != 0 || st.Supervisor != os.Getpid() {
			t.Errorf("%+v, %v", st, err)
		}
		w.failsToArrive(m, a, boom)
		if err := a.Own(t.Context()); err == nil {
			t.Error("owned when nobody is there")
		}
		m.mustTell(t, "enter false", "kill", "close")
	})
	t.Run("and is nowhere else", func(t *testing.T) {
		w, m, a := expect(t, false)
		boom := errors.New("KVM failed")
		m.failing = map[string]error{"enter false": boom}
		if err := errors.Join(a.Own(t.Context()), a.Enter(t.Context())); !errors.Is(err, boom) {
			t.Errorf("entered: %v", err)
		}
		a.end <- boom
		if got := soon(t, "the start", w.started); !errors.Is(got, boom) {
			t.Errorf("started: %v", got)
		}
		if err := soon(t, "the supervisor's end", w.done); !errors.Is(err, boom) {
			t.Errorf("the supervisor ended with %v", err)
		}
		st, err := w.store.State(testID)
		if err != nil || st.Status != instance.Exited || st.Exit.Reason != instance.InternalError || st.NeverArrived() || st.Restarting {
			t.Errorf("%+v, %v", st, err)
		}
	})
	t.Run("for no reason", func(t *testing.T) {
		w, _, a := expect(t, false)
		a.end <- nil
		if err := soon(t, "the supervisor's end", w.done); err == nil {
			t.Error("a machine that did not come has come")
		}
	})
}

func TestAnArrivalIsStopped(t *testing.T) {
	for _, op := range []Op{OpStop, OpKill} {
		w, m, a := expect(t, false)
		stopped, _ := w.doSoon(Request{Op: op})
		soon(t, "the arrival is cancelled", a.ctx.Done())
		w.failsToArrive(m, a, context.Cause(a.ctx))
		if out := soon(t, "an answer", stopped); out.err != nil || out.reply.State.Status != instance.Receiving {
			t.Errorf("%s: %+v, %v", op, out.reply, out.err)
		}
	}
	w, m, a := expect(t, false)
	close(w.stop)
	soon(t, "the arrival is cancelled", a.ctx.Done())
	w.failsToArrive(m, a, context.Cause(a.ctx))
}

// A stop that comes when the machine is this host's already stops that.
func TestAnArrivalIsStoppedTooLate(t *testing.T) {
	for op, want := range map[Op]instance.Reason{OpStop: instance.Stopped, OpKill: instance.Killed} {
		w, m, a := expect(t, false)
		if err := a.Own(t.Context()); err != nil {
			t.Fatal(err)
		}
		stopped, _ := w.doSoon(Request{Op: op})
		soon(t, "the arrival is cancelled", a.ctx.Done())
		if err := errors.Join(a.Enter(t.Context()), soon(t, "the start", w.started)); err != nil {
			t.Fatal(err)
		}
		a.end <- nil
		if out := soon(t, "an answer", stopped); out.err != nil || out.reply.State.Exit.Reason != want {
			t.Errorf("%s: %+v, %v", op, out.reply, out.err)
		}
		if st := w.over(); st.Exit.Reason != want || !st.ByUser || st.Restarting {
			t.Errorf("%s: %+v", op, st)
		}
		soon(t, "the monitor's end", m.ended)
	}
}
