package supervisor

import (
	"context"
	"fmt"
	"time"

	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/manager/events"
	"github.com/hullvm/hull/manager/instance"
)

// watch serves a run until it has ended and its end is written down. It returns
// the next run where the guest has rebooted.
func (s *supervisor) watch(ctx context.Context, r *run) (*run, error) {
	hostStops := s.Stop
	for {
		select {
		case <-r.machine.Ended():
			return s.ended(ctx, r)
		case a := <-s.requests:
			s.handle(ctx, r, a)
		case w := <-r.saving.written():
			s.saved(ctx, r, w)
		case f := <-r.moving.called():
			f()
		case out := <-r.moving.over():
			s.hasMoved(r, out)
		case <-r.impatient:
			r.impatient = nil
			s.kill(r, "the guest did not end in time when it was told to stop")
		case <-hostStops:
			hostStops = nil
			if err := s.beginStop(ctx, r, r.description.StopTimeout, false); err != nil {
				s.say("stop: %v", err)
				s.kill(r, "the host has stopped the supervisor")
			}
		case <-ctx.Done():
			s.kill(r, "the supervisor was told to end")
			<-r.machine.Ended()
			return s.ended(context.WithoutCancel(ctx), r)
		}
	}
}

// ended writes down how a run ended, and tells whoever waits for it.
func (s *supervisor) ended(ctx context.Context, r *run) (*run, error) {
	s.abandonSave(r)
	s.abandonMove(r)
	end := r.machine.End()
	oom, err := s.release(r)
	if err != nil {
		s.say("%v", err) // the instance has ended all the same
	}
	exit := exitOf(end, r, oom, s.state.Status == instance.Stopping)
	if oom {
		s.Emit(events.OOM, nil)
	}
	if r.gone != nil || s.state.Gone() {
		return nil, s.leave(ctx, r)
	}
	s.count(r)
	again := s.reboots(r, exit)
	if again && s.hasty <= maxHasty {
		next, err := s.reboot(ctx)
		if err == nil {
			s.Emit(events.Reboot, map[string]string{"reason": string(exit.Reason)})
			return next, nil
		}
		again = false
		exit = instance.Exit{Code: instance.CodeInternalError, Reason: instance.InternalError, Detail: "reboot: " + err.Error()}
	}
	next := s.state
	if err := next.End(exit, time.Now()); err != nil {
		return nil, fmt.Errorf("instance %s: end: %w", instance.ShortID(s.ID), err)
	}
	s.plan(&next, again || instance.Again(r.description.Restart, exit, s.tries))
	if err := s.mustPut(ctx, next); err != nil {
		return nil, err
	}
	s.tellEnd(exit)
	return nil, nil
}

func (s *supervisor) tellEnd(exit instance.Exit) {
	s.Emit(events.Die, events.Ended(exit.Code, string(exit.Reason)))
	s.answer(&s.stoppers, nil)
}

// exitOf is how a run ended, by the monitor's word and what the supervisor knows.
func exitOf(end End, r *run, oom, stopping bool) instance.Exit {
	e := instance.Exit{Reason: end.Reason, Detail: end.Detail}
	switch end.Reason {
	case instance.PowerOff:
		if end.Status != nil {
			e.Code = *end.Status
		}
		if stopping {
			e.Reason = instance.Stopped
		}
		return e
	case instance.Reset:
		e.Code = instance.CodeReset
	case instance.GuestPanic:
		e.Code = instance.CodeGuestPanic
	case instance.TripleFault:
		e.Code = instance.CodeTripleFault
	case instance.Killed:
		e.Code = instance.CodeKilled
	default:
		e.Code = instance.CodeInternalError
	}
	switch {
	case r.killed:
		return instance.Exit{Code: instance.CodeKilled, Reason: instance.Killed, Detail: r.why}
	case oom && end.Reason == instance.MonitorCrash:
		return instance.Exit{Code: instance.CodeKilled, Reason: instance.OutOfMemory, Detail: fmt.Sprintf("the memory limit of %d bytes was reached", r.description.MemoryLimit)}
	case stopping && end.Reason == instance.Reset:
		e.Reason = instance.Stopped // it was told to end, and did in its own way
	}
	return e
}

// reboots reports whether the machine file has the guest's end be a new start.
func (s *supervisor) reboots(r *run, e instance.Exit) bool {
	if s.state.Status == instance.Stopping {
		return false
	}
	switch e.Reason {
	case instance.Reset:
		return r.config.Lifecycle.OnReset == configs.Restart
	case instance.GuestPanic, instance.TripleFault:
		return r.config.Lifecycle.OnPanic == configs.Restart
	default:
		return false
	}
}

// reboot starts the machine again in the same life.
func (s *supervisor) reboot(ctx context.Context) (*run, error) {
	r, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	next := s.state
	next.Status = instance.Running // a paused guest does not reboot
	if err := s.enter(ctx, r, next); err != nil {
		return nil, err
	}
	return r, nil
}
