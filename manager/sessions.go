package manager

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"github.com/hullvm/hull/manager/instance"
	"github.com/hullvm/hull/manager/store"
	"github.com/hullvm/hull/migrate/handoff"
	"github.com/hullvm/hull/migrate/wire"
)

// Records answers for machines that came to this host, or did not.
type Records struct{ manager *Manager }

// NewRecords answers for the instances of m.
func NewRecords(m *Manager) *Records { return &Records{m} }

// Answer says what became of a session.
func (r *Records) Answer(ctx context.Context, id wire.Session) wire.Answer {
	a, err := r.answer(ctx, handoff.Session(id))
	if err != nil {
		// What cannot be read proves nothing.
		r.manager.log.Warn("answer for a session", "session", id, "cause", err)
	}
	a.Session = id
	return a
}

var unknown = wire.Answer{Outcome: wire.OutcomeUnknown}

func (r *Records) answer(ctx context.Context, id handoff.Session) (wire.Answer, error) {
	s, err := r.manager.store.Session(id)
	if errors.Is(err, fs.ErrNotExist) {
		return unknown, nil
	}
	if err != nil {
		return unknown, err
	}
	if s.Fate != handoff.Prepared {
		return answerOf(s), nil
	}
	// Its supervisor decides while it lives, and the instance's state after that.
	alive, err := r.manager.store.Alive(s.Instance)
	if err != nil {
		return unknown, err
	}
	if alive {
		st, err := r.manager.store.State(s.Instance)
		if err != nil {
			return unknown, err
		}
		if owns(st, id) {
			return wire.Answer{Outcome: wire.OutcomeRunning, Since: st.Migration.Since.UnixNano()}, nil
		}
		return wire.Answer{Outcome: wire.OutcomePrepared}, nil
	}
	return r.restore(ctx, s)
}

// owns reports whether an instance's state says that the machine which came in a
// session is this host's.
func owns(st *instance.State, id handoff.Session) bool {
	return st.Migration != nil && st.Migration.Role == instance.Target && st.Migration.Session == id.String() &&
		st.Status != instance.Receiving && !st.NeverArrived()
}

// restore decides for a session whose supervisor is gone, and makes that durable.
func (r *Records) restore(_ context.Context, s *store.Session) (wire.Answer, error) {
	record := s.TargetRecord
	if st, err := r.manager.store.State(s.Instance); err == nil && owns(st, s.Session) {
		record.Fate = handoff.Running
	} else if err != nil && !errors.Is(err, store.ErrNotFound) {
		return unknown, err
	}
	side, actions, err := handoff.RestoreTarget(record)
	if err != nil {
		return unknown, err
	}
	for _, a := range actions {
		if a.Do != handoff.WriteRecord {
			continue
		}
		s.TargetRecord, s.Since, s.Reason = a.Record, time.Now().UTC(), "its supervisor on the target has ended"
		if err := r.manager.store.PutSession(s); err != nil {
			return unknown, err
		}
		side.Step(handoff.WriteDone)
	}
	return answerOf(s), nil
}

func answerOf(s *store.Session) wire.Answer {
	switch s.Fate {
	case handoff.Running:
		return wire.Answer{Outcome: wire.OutcomeRunning, Since: max(s.Since.UnixNano(), 1)}
	case handoff.Aborted:
		return wire.Answer{Outcome: wire.OutcomeAborted, Reason: s.Reason}
	}
	return unknown
}

// noteArrival has the record of an instance's session say what its state does, before
// that is gone.
func (m *Manager) noteArrival(st *instance.State) error {
	if st.Migration == nil || st.Migration.Role != instance.Target {
		return nil
	}
	id, err := wire.ParseSession(st.Migration.Session)
	if err != nil {
		return nil // nobody can ask for it
	}
	s, err := m.store.Session(handoff.Session(id))
	if err != nil || s.Fate != handoff.Prepared || !owns(st, s.Session) {
		return nil // it is said already, or there was none
	}
	s.Fate, s.Since = handoff.Running, st.Migration.Since
	return m.store.PutSession(s)
}
