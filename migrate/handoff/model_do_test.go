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
	switch e {
	case GotFailed, GotAnswerAborted:
		w.seen.proof = true
	case Cancelled:
		w.seen.asked = true
	case ResolveSource:
		w.seen.resolvedHere = w.seen.resolvedHere || w.source.state == SourceHandedOver && !w.source.linked
	case ResolveTarget:
		w.seen.resolvedThere = w.seen.resolvedThere || w.source.state == SourceHandedOver && !w.source.linked
	}
	return w.doSource(m.source(&w.source, e))
}

// tellTarget gives the target an event, and does what it answers.
func (m *model) tellTarget(w *world, e Event) error {
	return w.doTarget(m.target(&w.target, e))
}

func (w *world) doSource(actions []SourceAction) error {
	writes := 0
	for _, a := range actions {
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
			if err := w.letSourceRun(); err != nil {
				return err
			}
		case EndMachine:
			if !w.seen.owned && !w.seen.resolvedThere {
				return errLost
			}
			w.sourceGuest = none
		case Reconnect:
			w.dialing = true
		case SendCommit:
			if !w.sourceDisk.holds(uint8(HandedOver), uint8(Moved)) {
				return errUnwritten
			}
			if w.seen.cancelWon {
				return errCancel
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

func (w *world) letSourceRun() error {
	if err := w.judgeSourceRun(); err != nil {
		return err
	}
	w.sourceGuest = running
	w.seen.wentOn = true
	return nil
}

func (w *world) doTarget(actions []TargetAction) error {
	writes := 0
	for _, a := range actions {
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
			if err := w.judgeTargetRun(); err != nil {
				return err
			}
			w.targetGuest = starting
		case RemoveMachine:
			if w.seen.started || w.targetGuest == starting {
				return errLost
			}
			w.targetGuest = none
		case SendPrepared:
			if !w.targetDisk.holds(uint8(Prepared)) {
				return errUnwritten
			}
			w.sent |= prepared
		case SendRunning:
			if err := w.judgeClaim(); err != nil {
				return err
			}
			w.sent |= ran
		case SendFailed:
			if err := w.judgeRenunciation(); err != nil {
				return err
			}
			w.sent |= failed
		case SendAnswer:
			if err := w.answer(a.Answer); err != nil {
				return err
			}
		default:
			return fmt.Errorf("%w: a target is to %v", errImpossible, a.Do)
		}
	}
	return nil
}

func (w *world) answer(a Answer) error {
	switch a {
	case AnswerPrepared:
		w.sent |= answerPrepared
	case AnswerRunning:
		w.sent |= answerRunning
		return w.judgeClaim()
	case AnswerAborted:
		w.sent |= answerAborted
		return w.judgeRenunciation()
	case AnswerUnknown:
		w.sent |= answerUnknown
	}
	return nil
}

// judgeClaim is asked as the target says that the machine is its own.
func (w *world) judgeClaim() error {
	if !w.targetDisk.holds(uint8(Running)) {
		return errUnwritten
	}
	return nil
}

// judgeRenunciation is asked as the target says that it never ran and never will.
func (w *world) judgeRenunciation() error {
	switch {
	case w.seen.started || w.targetGuest == starting:
		return errStale
	case !w.targetDisk.holds(0, uint8(Prepared), uint8(Aborted)):
		return errUnwritten
	}
	w.seen.renounced = true
	return nil
}
