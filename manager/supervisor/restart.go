package supervisor

import (
	"context"
	"time"

	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/manager/instance"
)

// How long the supervisor waits before it starts an instance again: longer with
// each time in a row. A run of steadyTime breaks the row.
const (
	firstDelay = 100 * time.Millisecond
	maxDelay   = time.Minute
	steadyTime = 10 * time.Second
)

func delay(tries int) time.Duration {
	d := firstDelay
	for range tries {
		if d *= 2; d >= maxDelay {
			return maxDelay
		}
	}
	return d
}

// maxHasty is how many short runs in a row a guest may end by a reboot of its own
// before it has to wait like one that fails: a guest that does nothing else would
// keep the host busy, and fill the journal of all instances.
const maxHasty = 5

// count takes an ended run into account, which breaks the row if it was a long one.
func (s *supervisor) count(r *run) {
	s.hasty++
	if time.Since(r.began) > steadyTime {
		s.hasty, s.tries = 0, 0
	}
}

// plan puts into the state of an ended run when there is another, if there is.
func (s *supervisor) plan(next *instance.State, again bool) {
	next.Restarting, next.RestartAt = false, time.Time{}
	if next.ByUser || s.stopped() || !again {
		return
	}
	next.Restarting, next.RestartAt = true, time.Now().Add(delay(s.tries))
	s.tries++
}

// stopped reports whether the host wants the supervisor to end.
func (s *supervisor) stopped() bool {
	select {
	case <-s.Stop:
		return true
	default:
		return false
	}
}

// rest waits until the instance is to be started again, and reports whether it
// is: it may be stopped meanwhile.
func (s *supervisor) rest(ctx context.Context) bool {
	if !s.state.Restarting {
		return false
	}
	timer := time.NewTimer(time.Until(s.state.RestartAt))
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			return true
		case a := <-s.requests:
			if s.handleAtRest(a) {
				return false
			}
		case <-s.Stop:
			if err := s.giveUp(false); err != nil {
				s.say("%v", err) // without a supervisor it rests all the same
			}
			return false
		case <-ctx.Done():
			return false
		}
	}
}

// handleAtRest answers a request between two runs, and reports whether there will
// be no other.
func (s *supervisor) handleAtRest(a *asked) bool {
	switch a.Op {
	case OpStop, OpKill:
		if err := s.giveUp(true); err != nil {
			a.fail(err)
			return false
		}
		s.reply(a)
		return true
	case OpWait:
		a.await(&s.waiters)
	case OpInspect:
		s.reply(a)
	case OpUpdate:
		a.fail(wrongState("it is being started again; try again in a moment"))
	case OpPause, OpUnpause, OpResize:
		a.fail(wrongState("it has ended, and is being started again"))
	default:
		a.fail(unknown(a.Op))
	}
	return false
}

// giveUp has the instance stay as it ended.
func (s *supervisor) giveUp(byUser bool) error {
	next := s.state
	next.Restarting, next.RestartAt = false, time.Time{}
	next.ByUser = next.ByUser || byUser
	return s.put(next)
}

// failAgain writes down that an instance could not be started again, which counts
// as a run that failed.
func (s *supervisor) failAgain(ctx context.Context, err error) error {
	s.say("start again: %v", err)
	d, e := s.Store.Description(s.ID)
	policy := configs.RestartPolicy(configs.RestartNo)
	if e == nil {
		policy = d.Restart
	}
	exit := instance.Exit{Code: instance.CodeInternalError, Reason: instance.InternalError, Detail: "start again: " + err.Error()}
	next := s.state
	next.Exit, next.Finished = &exit, time.Now()
	s.plan(&next, instance.Again(policy, exit, s.tries))
	if err := s.mustPut(ctx, next); err != nil {
		return err
	}
	s.tellEnd(exit)
	return nil
}
