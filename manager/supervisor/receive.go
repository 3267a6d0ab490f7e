package supervisor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/hullvm/hull/manager/events"
	"github.com/hullvm/hull/manager/instance"
)

// Arrival is the move by which an instance's machine comes here.
type Arrival interface {
	// Receive fills the machine, and returns when nothing more comes of the move: nil
	// where the machine is this host's, which a has been told then.
	Receive(ctx context.Context, m Machine, a Arriver) error
	// Paused reports whether the guest was paused where it came from, and stays so.
	Paused() bool
}

// Arriver is what an arrival needs of the supervisor. Its methods may be called from
// any goroutine but the supervisor's.
type Arriver interface {
	// Own writes down that the machine is this host's. On an error it may be written
	// or not.
	Own(ctx context.Context) error
	// Disown writes down that it is not, after an Own that is not to count.
	Disown(ctx context.Context) error
	// Enter lets the guest go. ErrNotEntered says that it certainly has not gone.
	Enter(ctx context.Context) error
}

// ErrNotEntered says that no vCPU was let into the guest.
var ErrNotEntered = errors.New("no vCPU was let into the guest")

// arriver is the Arriver of one arrival.
type arriver struct {
	s       *supervisor
	r       *run
	calls   chan func()
	over    chan struct{} // closed when nobody takes calls any more
	entered bool
	stops   []*asked // who wants it to end
}

// whileArriving are the requests that are done while the machine is not here yet.
var whileArriving = []Op{OpInspect, OpStop, OpKill, OpWait}

// receive is the first run of an instance whose machine comes from another host.
func (s *supervisor) receive(ctx context.Context) (*run, error) {
	r, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	a := &arriver{s: s, r: r, calls: make(chan func()), over: make(chan struct{})}
	all, cancel := context.WithCancelCause(ctx)
	done := make(chan error, 1)
	go func() { done <- s.Arrival.Receive(all, r.machine, a) }()
	stop := s.Stop
	for !a.entered {
		select {
		case f := <-a.calls:
			f()
		case q := <-s.requests:
			s.handleArriving(ctx, r, a, q, cancel)
		case <-stop:
			stop = nil
			cancel(errors.New("the host has stopped the supervisor"))
		case err := <-done:
			cancel(nil)
			close(a.over)
			if err == nil {
				err = errors.New("it did not arrive")
			}
			s.answer(&a.stops, nil)
			err = errors.Join(err, s.abandon(r))
			return nil, errors.Join(err, s.failArrived(ctx, err))
		}
	}
	close(a.over)
	s.Started(nil) // before Arrived
	go func() {    // what is left is the log of the time before
		if err := <-done; err != nil {
			s.say("%v", err)
		}
		cancel(nil)
		s.Arrived()
	}()
	s.Emit(events.Migrate, map[string]string{"from": s.state.Migration.Peer})
	for _, q := range a.stops { // too late for the arrival
		s.handle(ctx, r, q)
	}
	return r, nil
}

// failArrived writes down the end of a machine that is this host's, and failed as it was
// started: the source has given it up, so that the instance has to stay.
func (s *supervisor) failArrived(ctx context.Context, cause error) error {
	if s.state.Status == instance.Receiving {
		return nil
	}
	exit := instance.Exit{Code: instance.CodeInternalError, Reason: instance.InternalError, Detail: "it arrived, and failed as it was started: " + cause.Error()}
	next := s.state
	if err := next.End(exit, time.Now()); err != nil {
		return err
	}
	if err := s.mustPut(ctx, next); err != nil {
		return err
	}
	s.tellEnd(exit)
	return nil
}

// handleArriving answers what is asked of an instance that is not here yet.
func (s *supervisor) handleArriving(ctx context.Context, r *run, comes *arriver, a *asked, cancel context.CancelCauseFunc) {
	if !slices.Contains(whileArriving, a.Op) {
		a.fail(wrongState("its machine arrives from %s, and is not here yet", s.state.Migration.Peer))
		return
	}
	switch a.Op {
	case OpWait:
		a.await(&s.waiters)
	case OpInspect:
		ctx, stop := context.WithTimeout(ctx, monitorTime)
		defer stop()
		s.inspect(ctx, r, a)
	default:
		a.await(&comes.stops)
		cancel(errors.New("it was stopped on the target before it had arrived"))
	}
}

func (a *arriver) do(f func() error) error {
	result := make(chan error, 1)
	select {
	case a.calls <- func() { result <- f() }:
		return <-result
	case <-a.over:
		return wrongState("it is too late")
	}
}

func (a *arriver) Own(ctx context.Context) error {
	return a.do(func() error {
		next := a.s.state
		to := instance.Running
		if a.s.Arrival.Paused() {
			to = instance.Paused
		}
		if err := next.Move(to); err != nil {
			return err
		}
		a.s.describeRun(a.r, &next)
		return a.s.put(next)
	})
}

func (a *arriver) Disown(context.Context) error {
	return a.do(func() error {
		next := a.s.state
		next.Status, next.Started = instance.Receiving, time.Time{}
		next.Supervisor, next.Monitor, next.Published = os.Getpid(), 0, nil
		return a.s.put(next)
	})
}

func (a *arriver) Enter(ctx context.Context) error {
	return a.do(func() error {
		ctx, cancel := context.WithTimeoutCause(ctx, monitorTime, fmt.Errorf("the monitor did not answer within %v", monitorTime))
		defer cancel()
		if err := a.r.machine.Enter(ctx, a.s.Arrival.Paused()); err != nil {
			return err
		}
		a.entered = true
		a.r.began = time.Now()
		return nil
	})
}
