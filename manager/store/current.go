package store

import (
	"fmt"
	"time"

	"github.com/hullvm/hull/manager/instance"
)

// Current is an instance's state as it is: one that says it is live and has no
// supervisor has lost it. The time of that is not known; the state has the moment
// of the last word.
func (s *Store) Current(id string) (*instance.State, error) {
	st, err := s.State(id)
	if err != nil || !pending(st) {
		return st, err
	}
	alive, err := s.Alive(id)
	if err != nil {
		return nil, err
	}
	if alive {
		return st, nil
	}
	// The supervisor writes the end before it lets go of its lock, so that a
	// state read before the lock was found free may be an old one.
	if st, err = s.State(id); err != nil {
		return nil, err
	}
	return lose(st), nil
}

// pending reports whether a state needs a supervisor.
func pending(st *instance.State) bool { return st.Status.Live() || st.Restarting }

// lose is what becomes of a state whose supervisor is gone.
func lose(st *instance.State) *instance.State {
	if !pending(st) {
		return st
	}
	lost := *st
	detail := "its supervisor was killed, or the host went down"
	switch st.Status {
	case instance.Receiving:
		detail = "it has not arrived: " + detail
	case instance.HandedOver:
		detail = fmt.Sprintf("it was handed over to %s, which was not heard of again: %s", peerOf(st), detail)
	}
	lost.Restarting, lost.RestartAt = false, time.Time{}
	if st.Status.Live() {
		// The table has this move for each live status.
		_ = lost.End(instance.Exit{Code: instance.CodeKilled, Reason: instance.Lost, Detail: detail}, st.Started)
	}
	return &lost
}

func peerOf(st *instance.State) string {
	if st.Migration == nil {
		return "another host"
	}
	return st.Migration.Peer
}

// Settle writes down what Current says, and reports whether that was news. The
// caller holds the instance's lock.
func (s *Store) Settle(id string) (st *instance.State, lost bool, err error) {
	written, err := s.State(id)
	if err != nil {
		return nil, false, err
	}
	if !pending(written) {
		return written, false, nil
	}
	alive, err := s.Alive(id)
	if err != nil {
		return nil, false, err
	}
	if alive {
		return written, false, nil
	}
	if written, err = s.State(id); err != nil {
		return nil, false, err
	}
	st = lose(written)
	if st == written {
		return st, false, nil
	}
	st.Finished = time.Now()
	return st, true, s.PutState(id, st)
}
