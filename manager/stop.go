package manager

import (
	"context"
	"errors"
	"syscall"
	"time"

	"github.com/hullvm/hull/manager/instance"
	"github.com/hullvm/hull/manager/supervisor"
)

// Stop asks the guest to end, and kills it where it does not.
func (m *Manager) Stop(ctx context.Context, ref string, o StopOptions) error {
	id, err := m.resolve(ref)
	if err != nil {
		return err
	}
	return failed(ref, "stop", m.end(ctx, id, supervisor.Request{Op: supervisor.OpStop, Timeout: o.Timeout}))
}

// end has a supervisor end its instance. One that has none, or none any more, has
// ended already.
func (m *Manager) end(ctx context.Context, id string, q supervisor.Request) error {
	_, st, err := m.current(id)
	if err != nil || !pending(st) {
		return err
	}
	_, err = m.client(id).Do(ctx, q)
	if !errors.Is(err, supervisor.ErrGone) {
		return err
	}
	if _, st, e := m.current(id); e != nil || !pending(st) {
		return e
	}
	return err
}

// pending reports whether there is somebody to ask.
func pending(st *instance.State) bool { return st.Status.Live() || st.Restarting }

// Kill ends the machine, or sends a signal to the guest's main process.
func (m *Manager) Kill(ctx context.Context, ref string, signal syscall.Signal) error {
	id, err := m.resolve(ref)
	if err != nil {
		return err
	}
	_, st, err := m.current(id)
	if err != nil {
		return failed(ref, "kill", err)
	}
	if !pending(st) {
		return failed(ref, "kill", wrongState("it is not running"))
	}
	if signal != syscall.SIGKILL {
		return failed(ref, "kill", m.signal(ctx, id, signal))
	}
	return failed(ref, "kill", m.end(ctx, id, supervisor.Request{Op: supervisor.OpKill}))
}

// Pause holds the vCPUs.
func (m *Manager) Pause(ctx context.Context, ref string) error {
	return m.ask(ctx, ref, "pause", supervisor.OpPause)
}

// Unpause lets the vCPUs go on.
func (m *Manager) Unpause(ctx context.Context, ref string) error {
	return m.ask(ctx, ref, "unpause", supervisor.OpUnpause)
}

func (m *Manager) ask(ctx context.Context, ref, verb string, op supervisor.Op) error {
	id, err := m.resolve(ref)
	if err != nil {
		return err
	}
	_, err = m.live(ctx, id, supervisor.Request{Op: op})
	return failed(ref, verb, err)
}

// live asks the supervisor of an instance that has to be live.
func (m *Manager) live(ctx context.Context, id string, q supervisor.Request) (*supervisor.Reply, error) {
	_, st, err := m.current(id)
	if err != nil {
		return nil, err
	}
	if !pending(st) {
		return nil, wrongState("it is not running")
	}
	reply, err := m.client(id).Do(ctx, q)
	if errors.Is(err, supervisor.ErrGone) {
		if _, st, e := m.current(id); e == nil && !pending(st) {
			return nil, wrongState("it has ended: %v", st.Exit)
		}
	}
	return reply, err
}

// Wait waits for an instance's end.
func (m *Manager) Wait(ctx context.Context, ref string) (instance.Exit, error) {
	id, err := m.resolve(ref)
	if err != nil {
		return instance.Exit{}, err
	}
	exit, err := m.wait(ctx, id)
	return exit, failed(ref, "wait", err)
}

// waitPause is how long a wait rests that a supervisor did not take.
const waitPause = 50 * time.Millisecond

func (m *Manager) wait(ctx context.Context, id string) (instance.Exit, error) {
	for {
		_, st, err := m.current(id)
		if err != nil {
			return instance.Exit{}, err
		}
		if !pending(st) {
			if st.Exit == nil {
				return instance.Exit{}, nil // it has never run
			}
			return *st.Exit, nil
		}
		reply, err := m.client(id).Do(ctx, supervisor.Request{Op: supervisor.OpWait})
		switch {
		case err == nil && reply.State != nil && reply.State.Exit != nil:
			// An instance that removes itself is gone by now.
			return *reply.State.Exit, nil
		case err != nil && !errors.Is(err, supervisor.ErrGone):
			return instance.Exit{}, err
		}
		// It has ended at this moment: the state says how.
		started, err := m.awaitSupervisorsEnd(ctx, id)
		if err != nil {
			return instance.Exit{}, err
		}
		if started { // again, by somebody; or it has no time to answer
			select {
			case <-time.After(waitPause):
			case <-ctx.Done():
				return instance.Exit{}, context.Cause(ctx)
			}
		}
	}
}
