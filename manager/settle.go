package manager

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/hullvm/hull/manager/cgroup"
	"github.com/hullvm/hull/manager/instance"
)

// settle writes down the end of an instance whose supervisor is gone, and clears
// away what that has left. The caller holds the instance's lock.
func (m *Manager) settle(ctx context.Context, id string) (*instance.State, error) {
	st, lost, err := m.store.Settle(id)
	if err != nil {
		return nil, kinded(err)
	}
	if !lost {
		if st.NeverArrived() {
			return nil, m.forgetArrival(id)
		}
		return st, nil
	}
	if err := m.clear(ctx, id, st); err != nil {
		m.log.Warn("clear away", "instance", id, "cause", err)
	}
	if st.NeverArrived() {
		return nil, m.forgetArrival(id)
	}
	if d, err := m.store.Description(id); err == nil {
		m.emitEnd(d, st.Exit)
	}
	return st, nil
}

// forgetArrival removes an instance whose machine never came. Its session's record
// stays, for who asks.
func (m *Manager) forgetArrival(id string) error {
	if err := m.store.Remove(id); err != nil {
		return kinded(err)
	}
	return &instance.Error{Kind: instance.KindNotFound, Err: fmt.Errorf("instance %s: its machine was to come from another host, and did not", instance.ShortID(id))}
}

// clearTime is how long processes may take to end that were killed: one that the
// kernel holds, for a disk that does not answer say, must not hold up a list.
const clearTime = 15 * time.Second

// clear removes what a supervisor that was killed has left: processes, its control
// group, sockets.
func (m *Manager) clear(ctx context.Context, id string, st *instance.State) error {
	ctx, cancel := context.WithTimeoutCause(ctx, clearTime, fmt.Errorf("processes of it did not end within %v", clearTime))
	defer cancel()
	// A supervisor that was killed at its start has not written down that there is a
	// group.
	err := m.dirs.clearGroup(ctx, id)
	if st.Cgroup == "" && cgroup.Available() != nil {
		err = nil
	}
	return errors.Join(err, os.RemoveAll(m.dirs.RunDir(id)))
}

// settleSoon settles an instance that a list found lost, unless somebody else has
// it in hand.
func (m *Manager) settleSoon(id string) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // no waiting
	unlock, err := m.store.Lock(ctx, id)
	if err != nil {
		return
	}
	defer unlock()
	if _, err := m.settle(context.Background(), id); err != nil {
		m.log.Warn("settle", "instance", id, "cause", err)
	}
}
