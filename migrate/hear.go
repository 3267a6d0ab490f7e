package migrate

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/hullvm/hull/migrate/handoff"
	"github.com/hullvm/hull/migrate/wire"
)

// stateSum and logSum are what has come of the state and the log.
type (
	stateSum struct{ hash.Hash }
	logSum   struct {
		hash.Hash
		length uint64
	}
)

// hear takes a message of the source's. An error is what has no place in the
// protocol.
func (r *receiver) hear(ctx context.Context, m wire.Message) error {
	switch m := m.(type) {
	case wire.Paused:
		return r.only("paused", handoff.TargetReceiving)
	case wire.State:
		return r.hearState(m)
	case wire.Final:
		return r.hearFinal(ctx, m)
	case wire.Commit:
		return r.of(m.Session, handoff.GotCommit)
	case wire.Ask:
		return r.of(m.Session, handoff.GotAsk)
	case wire.Log:
		return r.hearLog(m)
	case wire.LogEnd:
		return r.hearLogEnd(m)
	default:
		return fmt.Errorf("%v in the wrong place", m.Type())
	}
}

// of has a message of this session be an event.
func (r *receiver) of(s wire.Session, e handoff.Event) error {
	if s != r.Session {
		return errors.New("it speaks of another session")
	}
	r.happen(e)
	return nil
}

// only refuses what has no place where the move stands.
func (r *receiver) only(what string, states ...handoff.TargetState) error {
	for _, s := range states {
		if r.side.State() == s {
			return nil
		}
	}
	return fmt.Errorf("%s in the wrong place", what)
}

func (r *receiver) hearState(m wire.State) error {
	if err := r.only("state", handoff.TargetReceiving); err != nil || r.loading {
		return errors.Join(err, errors.New("state after its end"))
	}
	if r.length += uint64(len(m.Data)); r.length > wire.MaxState {
		return fmt.Errorf("a state of more than %d bytes", wire.MaxState)
	}
	if r.sum.Hash == nil {
		r.sum.Hash = sha256.New()
	}
	r.sum.Write(m.Data)
	_, err := r.state.Write(m.Data)
	return err
}

// hearFinal has the machine be loaded when all of its memory has come, too.
func (r *receiver) hearFinal(ctx context.Context, m wire.Final) error {
	if err := r.only("final", handoff.TargetReceiving); err != nil {
		return err
	}
	switch {
	case r.loading:
		return errors.New("final twice")
	case r.sum.Hash == nil || m.Length != r.length:
		return fmt.Errorf("a state of %d bytes, and %d have come", m.Length, r.length)
	case m.SHA256 != [sha256.Size]byte(r.sum.Sum(nil)):
		return errors.New("the state has another checksum")
	}
	r.loading = true
	if _, err := r.state.Seek(0, io.SeekStart); err != nil {
		return err
	}
	r.work.Go(func() {
		err := r.target.Wait(ctx, m.Epochs)
		if err == nil {
			err = r.target.Load(ctx, r.state)
		}
		if err != nil {
			r.tell(arrived{event: handoff.LoadFailed, err: err})
			return
		}
		r.tell(arrived{event: handoff.Loaded})
	})
	return nil
}

func (r *receiver) hearLog(m wire.Log) error {
	if err := r.only("log", handoff.TargetRunning, handoff.TargetBroken); err != nil {
		return err
	}
	if m.Offset == 0 {
		r.log = logSum{Hash: sha256.New()} // from the beginning, on a new connection say
	}
	if r.log.Hash == nil || m.Offset != r.log.length {
		return fmt.Errorf("log from byte %d, after %d", m.Offset, r.log.length)
	}
	r.log.Write(m.Data)
	r.log.length += uint64(len(m.Data))
	if err := r.target.Log(m.Data, m.Offset == 0); err != nil {
		r.target.Note(fmt.Sprintf("log of the time before: %v", err))
		return err
	}
	return nil
}

func (r *receiver) hearLogEnd(m wire.LogEnd) error {
	if err := r.only("log-end", handoff.TargetRunning, handoff.TargetBroken); err != nil {
		return err
	}
	if r.log.Hash == nil {
		r.log.Hash = sha256.New()
	}
	if m.Length != r.log.length || m.SHA256 != [sha256.Size]byte(r.log.Sum(nil)) {
		return errors.New("the log is not what it was")
	}
	if err := r.target.LogEnd(); err != nil {
		r.target.Note(fmt.Sprintf("log of the time before: %v", err))
		return err
	}
	if err := r.link.Write(wire.Farewell{Session: r.Session}); err != nil {
		return err
	}
	r.logged = true
	return nil
}
