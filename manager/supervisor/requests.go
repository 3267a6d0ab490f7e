package supervisor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hullvm/hull/manager/events"
	"github.com/hullvm/hull/manager/instance"
)

// asked is a request on its way to a reply.
type asked struct {
	Request
	reply chan *Reply     // capacity 1
	gone  <-chan struct{} // closed when nobody waits for the reply any more
}

// await puts a request onto a list of those that wait, and takes those off that
// nobody waits for.
func (a *asked) await(list *[]*asked) {
	*list = append(slices.DeleteFunc(*list, func(o *asked) bool {
		select {
		case <-o.gone:
			return true
		default:
			return false
		}
	}), a)
}

func (a *asked) fail(err error) { a.reply <- &Reply{Error: failure(err)} }

// monitorTime is how long a monitor may take to answer. Tests make it shorter.
var monitorTime = 15 * time.Second

// answer replies to all of a list, with the state or a failure.
func (s *supervisor) answer(list *[]*asked, err error) {
	for _, a := range *list {
		if err != nil {
			a.fail(err)
			continue
		}
		s.reply(a)
	}
	*list = nil
}

func (s *supervisor) reply(a *asked) {
	state := s.state
	a.reply <- &Reply{State: &state}
}

func wrongState(format string, args ...any) error {
	return &instance.Error{Kind: instance.KindWrongState, Err: fmt.Errorf(format, args...)}
}

// handle does what was asked of an instance that lives.
func (s *supervisor) handle(ctx context.Context, r *run, a *asked) {
	ctx, cancel := context.WithTimeoutCause(ctx, monitorTime, fmt.Errorf("the monitor did not answer within %v", monitorTime))
	defer cancel()
	var err error
	if r.saving != nil && !slices.Contains(whileSaving, a.Op) {
		a.fail(&instance.Error{Kind: instance.KindBusy, Err: errors.New("a snapshot of it is being made; try again when that is done")})
		return
	}
	if r.moving != nil && !slices.Contains(whileMoving, a.Op) {
		a.fail(&instance.Error{Kind: instance.KindBusy, Err: errors.New("it is being moved to another host; try again when that is done, or end it by hull migrate --cancel")})
		return
	}
	switch a.Op {
	case OpWait:
		a.await(&s.waiters)
		return
	case OpSave:
		s.save(ctx, r, a)
		return
	case OpMigrate:
		s.migrate(ctx, r, a)
		return
	case OpCancel:
		s.cancelMove(r, a)
		return
	case OpStop, OpKill:
		s.stop(ctx, r, a)
		return
	case OpInspect:
		s.inspect(ctx, r, a)
		return
	case OpResolve:
		err = s.resolve(r, a)
	case OpPause:
		err = s.pause(ctx, r)
	case OpUnpause:
		err = s.unpause(ctx, r)
	case OpUpdate:
		err = s.update(ctx, r, a.Update)
	case OpResize:
		if a.Size == nil {
			err = &instance.Error{Kind: instance.KindInvalid, Err: errors.New("resize: no size")}
			break
		}
		err = r.machine.ResizeConsole(ctx, *a.Size)
	default:
		err = unknown(a.Op)
	}
	if err != nil {
		if r.endsSoon() {
			err = wrongState("it has ended meanwhile: %w", err)
		}
		a.fail(err)
		return
	}
	s.reply(a)
}

// settleTime is how long it takes at most until an end is known that a request has
// failed by.
const settleTime = 200 * time.Millisecond

// endsSoon reports whether the machine has ended, as it may have when a request has
// just failed.
func (r *run) endsSoon() bool {
	select {
	case <-r.machine.Ended():
		return true
	case <-time.After(settleTime):
		return false
	}
}

func unknown(op Op) error {
	return &instance.Error{Kind: instance.KindUnsupported, Err: fmt.Errorf("its supervisor is of a release of hull that does not know the request %q; stop the instance and start it again", op)}
}

func (s *supervisor) inspect(ctx context.Context, r *run, a *asked) {
	m, err := r.machine.Inspect(ctx)
	if err != nil && !r.endsSoon() {
		a.fail(err)
		return
	}
	state := s.state
	if m != nil && r.moving != nil {
		m.Moving = r.moving.progress.Load()
	}
	a.reply <- &Reply{State: &state, Monitor: m}
}

func (s *supervisor) pause(ctx context.Context, r *run) error {
	next := s.state
	if s.state.Status == instance.Paused {
		return wrongState("it is paused already")
	}
	if err := next.Move(instance.Paused); err != nil {
		return &instance.Error{Kind: instance.KindWrongState, Err: err}
	}
	if err := r.machine.Pause(ctx); err != nil {
		if ctx.Err() != nil {
			r.unsure = true
			err = fmt.Errorf("%w; it may still come to it: unpause it then", err)
		}
		return err
	}
	if err := s.put(next); err != nil {
		return errors.Join(err, r.machine.Resume(ctx))
	}
	s.Emit(events.Pause, nil)
	return nil
}

func (s *supervisor) unpause(ctx context.Context, r *run) error {
	if s.state.Status == instance.Running && r.unsure {
		err := r.machine.Resume(ctx)
		r.unsure = err != nil
		return err
	}
	if s.state.Status != instance.Paused {
		return wrongState("it is %s, and not paused", s.state.Status)
	}
	next := s.state
	if err := next.Move(instance.Running); err != nil {
		return &instance.Error{Kind: instance.KindWrongState, Err: err}
	}
	// Written first: a guest that runs must not be called paused after a crash,
	// while one that is paused is found out by the next request.
	if err := s.put(next); err != nil {
		return err
	}
	if err := r.machine.Resume(ctx); err != nil {
		back := s.state
		back.Status = instance.Paused
		return errors.Join(err, s.put(back))
	}
	s.Emit(events.Unpause, nil)
	return nil
}

// stop begins the run's end; the reply comes when it has ended.
func (s *supervisor) stop(ctx context.Context, r *run, a *asked) {
	timeout := r.description.StopTimeout
	if a.Timeout != nil {
		timeout = *a.Timeout
	}
	if a.Op == OpKill {
		timeout = 0
	}
	if s.state.Status == instance.HandedOver {
		// It does not run here, and may run there: all that can be ended is what is
		// held of it.
		a.await(&s.stoppers)
		s.kill(r, "")
		return
	}
	if err := s.beginStop(ctx, r, timeout, true); err != nil {
		a.fail(err)
		return
	}
	a.await(&s.stoppers)
}

// beginStop has the guest end within a time: at once for 0, whenever it likes for
// less.
func (s *supervisor) beginStop(ctx context.Context, r *run, timeout time.Duration, byUser bool) error {
	if s.state.Status != instance.Stopping {
		paused := s.state.Status == instance.Paused
		next := s.state
		if err := next.Move(instance.Stopping); err != nil {
			return &instance.Error{Kind: instance.KindWrongState, Err: err}
		}
		next.ByUser = byUser
		if err := s.put(next); err != nil {
			if timeout != 0 {
				return err
			}
			// A full disk must not keep anybody from killing what fills it.
			s.say("%v", err)
			s.state = next
		}
		if timeout != 0 {
			s.Emit(events.Stop, nil)
			if paused {
				// It cannot hear the button otherwise.
				if err := r.machine.Resume(ctx); err != nil {
					s.say("stop: resume: %v", err)
				}
			}
			if err := r.machine.PressPowerButton(ctx); err != nil {
				s.say("stop: power button: %v", err)
			}
		}
	}
	switch {
	case timeout == 0:
		s.kill(r, "")
	case timeout > 0:
		r.patience(timeout)
	}
	return nil
}

// kill ends the run, for a reason that is not asked for if there is one.
func (s *supervisor) kill(r *run, why string) {
	if !r.killed {
		r.killed, r.why = true, why
		s.Emit(events.Kill, map[string]string{"signal": "9"})
	}
	r.machine.Kill()
}

func (s *supervisor) update(ctx context.Context, r *run, u *instance.Update) error {
	if u == nil {
		return &instance.Error{Kind: instance.KindInvalid, Err: errors.New("update: no changes")}
	}
	old, err := s.Store.Description(s.ID)
	if err != nil {
		return err
	}
	next := *old
	if err := u.Apply(&next); err != nil {
		return err
	}
	if err := s.limit(ctx, r, u, &next); err != nil {
		return errors.Join(err, s.limit(ctx, r, u, old))
	}
	for name, rates := range u.Disks {
		if err := r.machine.SetDiskRates(ctx, name, rates); err != nil {
			return errors.Join(err, s.limit(ctx, r, u, old))
		}
	}
	// The caller holds the instance's lock.
	if err := s.Store.PutDescription(&next); err != nil {
		return errors.Join(err, s.limit(ctx, r, u, old))
	}
	r.description = &next
	s.Emit(events.Update, nil)
	return nil
}

// limit brings the limits that u names to what d says.
func (s *supervisor) limit(ctx context.Context, r *run, u *instance.Update, d *instance.Description) error {
	if u.CPUs != nil || u.MemoryLimit != nil {
		if r.group == nil {
			if d.CPUs != 0 || d.MemoryLimit != 0 {
				return &instance.Error{Kind: instance.KindUnsupported, Err: errors.New("the instance has no control group, so that no limit can be set")}
			}
		} else if err := r.group.Set(d.CPUs, d.MemoryLimit); err != nil {
			return err
		}
	}
	if u.Memory != nil {
		return r.machine.SetBalloon(ctx, d.Balloon)
	}
	return nil
}
