package supervisor

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/hullvm/hull/manager/events"
	"github.com/hullvm/hull/manager/instance"
	"github.com/hullvm/hull/migrate/handoff"
)

// Mover is what a move needs of the supervisor, which owns the instance's state. Its
// methods may be called from any goroutine but the supervisor's.
type Mover interface {
	// Hold holds the guest, if it runs, and has it be held until LetGo.
	Hold(ctx context.Context) error
	// LetGo lets a guest go on that Hold has held. What fails is known to the
	// supervisor; the guest is paused then.
	LetGo(ctx context.Context) error
	// Write makes a record the instance's, durably. After an error it may be there or
	// not.
	Write(ctx context.Context, r handoff.SourceRecord) error
	// Instance is what is known of the instance now.
	Instance(ctx context.Context) (*instance.Description, *instance.State, error)
	// Resolved gives the word of a user about who has the machine; it is asked for
	// while nobody knows.
	Resolved() <-chan handoff.Event
	// Tell says how far the move is, and Note what the user is to know.
	Tell(m Moving)
	Note(text string)
}

// moving is a machine that is on its way to another host. The conversation with that
// one is on a goroutine of its own: it takes minutes, and the instance has to be asked,
// and killed, meanwhile.
type moving struct {
	asked     *asked
	cancelled []*asked // who want it to end
	cancel    context.CancelCauseFunc
	progress  atomic.Pointer[Moving]

	calls    chan func()        // what is to be done on the supervisor's goroutine
	resolved chan handoff.Event // capacity 1
	done     chan moved         // capacity 1: what came of it

	held bool // the guest is, for the move
}

// moved is what came of a move.
type moved struct {
	report *Migrated
	err    error
}

// called gives what is to be done for a move; of none it gives nothing, ever.
func (m *moving) called() <-chan func() {
	if m == nil {
		return nil
	}
	return m.calls
}

func (m *moving) over() <-chan moved {
	if m == nil {
		return nil
	}
	return m.done
}

var errCancelled = errors.New("it was cancelled")

// whileMoving are the requests that are done while a machine is moved. A stop has the
// guest end, which ends the move.
var whileMoving = []Op{OpInspect, OpStop, OpKill, OpWait, OpResize, OpCancel, OpResolve}

// migrate begins a move.
func (s *supervisor) migrate(ctx context.Context, r *run, a *asked) {
	switch {
	case a.Migrate == nil || a.Migrate.To == "":
		a.fail(&instance.Error{Kind: instance.KindInvalid, Err: errors.New("migrate: no host to move to")})
		return
	case s.state.Status != instance.Running && s.state.Status != instance.Paused:
		a.fail(wrongState("it is %s, and a machine moves that runs or is paused", s.state.Status))
		return
	}
	m := &moving{
		asked: a, calls: make(chan func()), resolved: make(chan handoff.Event, 1), done: make(chan moved, 1),
	}
	all, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	m.cancel = cancel
	r.moving = m
	go func() {
		select {
		case <-a.gone: // nobody wants it any more
			cancel(errCancelled)
		case <-all.Done():
		}
	}()
	go func() {
		report, err := r.machine.Migrate(all, *a.Migrate, &mover{s: s, r: r, m: m})
		m.done <- moved{report, err}
	}()
}

// cancelMove answers when the move has ended.
func (s *supervisor) cancelMove(r *run, a *asked) {
	switch {
	case r.moving == nil:
		a.fail(wrongState("it is not being moved"))
	case s.state.Status == instance.HandedOver:
		a.fail(wrongState("it is too late: the machine was handed over to %s", s.state.Migration.Peer))
	default:
		r.moving.cancelled = append(r.moving.cancelled, a)
		r.moving.cancel(errCancelled)
	}
}

// resolve takes a user's word.
func (s *supervisor) resolve(r *run, a *asked) error {
	switch {
	case a.Side != instance.Source && a.Side != instance.Target:
		return &instance.Error{Kind: instance.KindInvalid, Err: fmt.Errorf("resolve: %q is neither %q nor %q", a.Side, instance.Source, instance.Target)}
	case r.moving == nil || s.state.Status != instance.HandedOver:
		return wrongState("there is no doubt about who has it")
	}
	word := handoff.ResolveSource
	if a.Side == instance.Target {
		word = handoff.ResolveTarget
	}
	select {
	case r.moving.resolved <- word:
		return nil
	default:
		return &instance.Error{Kind: instance.KindBusy, Err: errors.New("that was said already")}
	}
}

// hasMoved deals with the end of a move.
func (s *supervisor) hasMoved(r *run, out moved) {
	m := r.moving
	r.moving = nil
	m.cancel(nil)
	if out.err != nil {
		m.asked.fail(out.err)
		for _, a := range m.cancelled {
			s.reply(a)
		}
		return
	}
	s.goes(r, m, out.report)
	r.machine.Discard()
}

// goes notes that another host has the machine.
func (s *supervisor) goes(r *run, m *moving, report *Migrated) {
	for _, a := range m.cancelled {
		a.fail(wrongState("it was too late: the machine runs on %s", m.asked.Migrate.To))
	}
	r.gone = report
	s.keep = m.asked.Migrate.Keep
	s.Emit(events.Migrate, map[string]string{"to": m.asked.Migrate.To})
	r.movers = append(r.movers, m.asked)
}

// abandonMove ends the move of a machine that has ended itself. The other host may have
// said that it has it all the same.
func (s *supervisor) abandonMove(r *run) {
	m := r.moving
	if m == nil {
		return
	}
	r.moving = nil
	m.cancel(errors.New("the machine has ended"))
	for {
		select {
		case f := <-m.calls:
			f() // it fails, or changes what is over anyway
		case out := <-m.done:
			if out.err == nil {
				s.goes(r, m, out.report)
				return
			}
			err := wrongState("it has ended before it was moved")
			m.asked.fail(err)
			for _, a := range m.cancelled {
				s.reply(a)
			}
			return
		}
	}
}

// mover is the Mover of one move.
type mover struct {
	s *supervisor
	r *run
	m *moving

	before instance.State // it was handed over
}

// do has f done on the supervisor's goroutine.
func (o *mover) do(f func() error) error {
	result := make(chan error, 1)
	o.m.calls <- func() { result <- f() } // somebody takes it until the move has returned
	return <-result
}

func (o *mover) Hold(ctx context.Context) error {
	return o.do(func() error {
		if o.s.state.Status == instance.Stopping {
			return errStopping()
		}
		if o.s.state.Status != instance.Running || o.m.held {
			return nil
		}
		ctx, cancel := context.WithTimeout(ctx, monitorTime)
		defer cancel()
		o.m.held = true
		if err := o.r.machine.Pause(ctx); err != nil {
			return errors.Join(err, o.resume(context.WithoutCancel(ctx)))
		}
		return nil
	})
}

func (o *mover) LetGo(ctx context.Context) error {
	return o.do(func() error { return o.resume(ctx) })
}

// resume lets the guest go on, on the supervisor's goroutine.
func (o *mover) resume(ctx context.Context) error {
	if !o.m.held {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), monitorTime)
	defer cancel()
	o.m.held = false
	if err := o.r.machine.Resume(ctx); err != nil {
		o.r.unsure = true // its state says that it runs: unpause is to be able to help
		return fmt.Errorf("let the guest go on: %w; hull unpause may help", err)
	}
	return nil
}

func (o *mover) Write(_ context.Context, r handoff.SourceRecord) error {
	return o.do(func() error {
		next := o.s.state
		switch r.Fate {
		case handoff.HandedOver:
			if err := next.Move(instance.HandedOver); err != nil {
				return &instance.Error{Kind: instance.KindWrongState, Err: err}
			}
			next.Migration = &instance.Migration{Session: r.Session.String(), Role: instance.Source, Peer: o.m.asked.Migrate.To, Since: time.Now().UTC()}
		case handoff.TakenBack:
			if next.Status == instance.HandedOver {
				next.Status, next.Migration = o.before.Status, o.before.Migration
			}
		case handoff.Moved:
			if next.Migration != nil {
				moved := *next.Migration
				moved.Moved = true
				next.Migration = &moved
			}
		}
		if r.Fate == handoff.HandedOver {
			o.before = o.s.state
		}
		return o.s.put(next)
	})
}

func (o *mover) Instance(context.Context) (d *instance.Description, st *instance.State, err error) {
	err = o.do(func() (err error) {
		state := o.s.state
		st = &state
		d, err = o.s.Store.Description(o.s.ID)
		return err
	})
	return d, st, err
}

func (o *mover) Resolved() <-chan handoff.Event { return o.m.resolved }

func (o *mover) Tell(m Moving) { o.m.progress.Store(&m) }

func (o *mover) Note(text string) { o.s.say("%s", text) }
