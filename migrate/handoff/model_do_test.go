package handoff

import "fmt"

// sides is the code under test: the product's, or a variant that is broken on purpose.
type sides struct {
	source        func(*Source, Event) []SourceAction
	target        func(*Target, Event) []TargetAction
	restoreSource func(SourceRecord) (*Source, []SourceAction, error)
	restoreTarget func(TargetRecord) (*Target, []TargetAction, error)
}

func product() sides {
	return sides{(*Source).Step, (*Target).Step, RestoreSource, RestoreTarget}
}

// tellSource gives the source an event, and does what it answers.
func (m *model) tellSource(w *world, e Event) error {
	m.told[e]++
	switch e {
	case GotFailed, GotAnswerAborted:
		w.seen.proof = true
	case Cancelled:
		w.seen.asked = true
	case ResolveSource:
		w.seen.resolvedHere = w.seen.resolvedHere || w.source.state == SourceHandedOver && !w.source.linked
	}
	return m.doSource(w, m.source(&w.source, e))
}

// tellTarget gives the target an event, and does what it answers.
func (m *model) tellTarget(w *world, e Event) error {
	m.told[e]++
	return m.doTarget(w, m.target(&w.target, e))
}

func (m *model) doSource(w *world, actions []SourceAction) error {
	writes := 0
	for _, a := range actions {
		m.did[a.Do]++
		switch a.Do {
		case WriteRecord:
			if writes++; writes > 1 || a.Record.Fate != w.source.writing || a.Record.Check() != nil {
				return errTwoWrites
			}
		case Report:
		case HoldGuest:
			w.sourceGuest = held
		case LetGuestGo:
			if w.sourceGuest != held {
				return fmt.Errorf("%w: let go of a guest that is not held", errImpossible)
			}
			if err := m.letSourceRun(w); err != nil {
				return err
			}
		case EndMachine:
			if !w.seen.owned && !w.seen.started {
				return errLost
			}
			w.sourceGuest = none
		case Reconnect:
			w.dialing = true
		case SendCommit:
			if err := m.mind(w.judgeCommit()); err != nil {
				return err
			}
			w.seen.committed = true
			w.sent |= commit
		case SendAsk:
			w.sent |= ask
		case SendCancel:
			w.sent |= cancel
		case CancelWon, CancelLate:
			if !w.seen.asked || a.Do == CancelLate && !w.seen.handed && !w.source.restored {
				return errCancel
			}
			w.seen.asked = false
			w.seen.cancelWon = w.seen.cancelWon || a.Do == CancelWon
		default:
			return fmt.Errorf("%w: a source is to %v", errImpossible, a.Do)
		}
	}
	return nil
}

func (m *model) letSourceRun(w *world) error {
	if err := m.mind(w.judgeSourceRun()); err != nil {
		return err
	}
	w.sourceGuest = running
	w.seen.wentOn = true
	return nil
}

func (m *model) doTarget(w *world, actions []TargetAction) error {
	writes := 0
	for _, a := range actions {
		m.did[a.Do]++
		switch a.Do {
		case WriteRecord:
			if writes++; writes > 1 || a.Record.Fate != w.target.writing || a.Record.Check() != nil {
				return errTwoWrites
			}
		case Report:
		case RunGuest:
			if w.targetGuest != held {
				return fmt.Errorf("%w: run a guest that is not held", errImpossible)
			}
			if err := m.mind(w.judgeTargetRun()); err != nil {
				return err
			}
			w.targetGuest = starting
		case RemoveMachine:
			if w.targetGuest == running || w.targetGuest == starting {
				return errLost
			}
			w.targetGuest = none
		case SendPrepared:
			if err := m.mind(w.judgePrepared()); err != nil {
				return err
			}
			w.sent |= prepared
		case SendRunning:
			if err := m.mind(w.judgeClaim()); err != nil {
				return err
			}
			w.sent |= ran
		case SendFailed:
			if err := m.mind(w.judgeRenunciation()); err != nil {
				return err
			}
			w.sent |= failed
			w.seen.renounced = true
		case SendAnswer:
			if err := m.answer(w, a.Answer); err != nil {
				return err
			}
		default:
			return fmt.Errorf("%w: a target is to %v", errImpossible, a.Do)
		}
	}
	return nil
}

func (m *model) answer(w *world, a Answer) error {
	switch a {
	case AnswerPrepared:
		w.sent |= answerPrepared
	case AnswerRunning:
		w.sent |= answerRunning
		return m.mind(w.judgeClaim())
	case AnswerAborted:
		w.sent |= answerAborted
		w.seen.renounced = true
		return m.mind(w.judgeRenunciation())
	case AnswerUnknown:
		w.sent |= answerUnknown
	}
	return nil
}
