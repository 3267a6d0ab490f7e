package handoff

import (
	"errors"
	"testing"
)

// anything is every event there is, and some that are none.
func anything() []Event {
	all := []Event{0, Event(len(events)) + 1, 255}
	for i := range events {
		all = append(all, Event(i+1))
	}
	return all
}

// aloneSource is a source whose peer, driver and user do what they like, and what is
// remembered of what it did.
type aloneSource struct {
	source  Source
	guest   guest
	writing SourceFate // asked for, not answered
	handed  bool       // HandedOver was written
	back    bool       // TakenBack was written
	moved   bool       // Moved was written
	never   bool       // the target said that it never ran and never will, when it had a say
	runs    bool       // it said that it runs, then
	asked   bool       // a cancel waits
}

// do checks what the source does about an event.
func (a *aloneSource) do(e Event) error {
	said := a.source.state >= SourceHandingOver && a.source.state <= SourceHandedOver
	switch e {
	case WriteDone:
		a.handed = a.handed || a.writing == HandedOver
		a.back, a.moved = a.writing == TakenBack, a.writing == Moved
		a.writing = 0
	case WriteFailed, WriteUnclear:
		a.writing = 0
	case GotFailed, GotAnswerAborted:
		a.never = a.never || said
	case GotRunning, GotAnswerRunning:
		a.runs = a.runs || said && a.handed
	case Cancelled:
		a.asked = true
	case MachineLost:
		a.guest = none
	}
	before := a.source.state
	for _, action := range a.source.Step(e) {
		if err := a.did(action); err != nil {
			return err
		}
	}
	if before >= SourceTakenBack && a.source.state != before {
		return errors.New("what was decided is undecided")
	}
	if a.writing != a.source.writing {
		return errors.New("it waits for a write that nobody does")
	}
	return nil
}

func (a *aloneSource) did(action SourceAction) error {
	switch action.Do {
	case WriteRecord:
		if a.writing != 0 {
			return errTwoWrites
		}
		a.writing = action.Record.Fate
		return action.Record.Check()
	case HoldGuest:
		a.guest = held
	case LetGuestGo:
		if a.guest != held {
			return errors.New("let go of a guest that is not held")
		}
		if a.handed && !a.never && !a.back {
			return errNoProof
		}
		a.guest = running
	case EndMachine:
		if !a.runs && !a.moved {
			return errLost
		}
		a.guest = none
	case SendCommit:
		if !a.handed || a.guest == running {
			return errUnwritten
		}
	case CancelWon, CancelLate:
		if !a.asked || a.handed && action.Do == CancelWon {
			return errCancel
		}
		a.asked = false
	}
	return nil
}

// TestASourceKeepsItsRulesWhateverItIsTold does not trust the target, the driver or the
// order of anything.
func TestASourceKeepsItsRulesWhateverItIsTold(t *testing.T) {
	all := []aloneSource{{source: *NewSource(Session{1}), guest: running}}
	for f := HandedOver; f <= Moved; f++ {
		s, actions, err := RestoreSource(SourceRecord{Session: Session{1}, Fate: f})
		if err != nil || len(actions) != 1 || actions[0].Do != WriteRecord || actions[0].Record.Fate != f {
			t.Fatalf("%v: restored to %v, %v", f, actions, err)
		}
		all = append(all, aloneSource{source: *s, guest: none, writing: f, handed: f == HandedOver})
	}
	known := map[aloneSource]bool{}
	for i := 0; i < len(all); i++ {
		for _, e := range anything() {
			next := all[i]
			if err := next.do(e); err != nil {
				t.Fatalf("%v of %+v: %v", e, all[i], err)
			}
			if !known[next] {
				known[next] = true
				all = append(all, next)
			}
		}
	}
	t.Logf("%d states", len(all))
}

// aloneTarget is the same for a target.
type aloneTarget struct {
	target    Target
	writing   TargetFate // asked for, not answered
	certain   TargetFate // what is written, for certain
	mayRun    bool       // Running may be written
	prepared  bool       // it said so
	commit    bool       // it came after that
	ran       bool       // it may have run
	renounced bool       // it said that it never ran, and never will
}

func (a *aloneTarget) do(e Event) error {
	switch e {
	case WriteDone:
		if a.writing != 0 {
			a.certain, a.mayRun = a.writing, a.writing == Running
		}
		a.writing = 0
	case WriteUnclear:
		a.mayRun = a.mayRun || a.writing == Running
		a.writing = 0
	case WriteFailed:
		a.writing = 0
	case GotCommit:
		a.commit = a.commit || a.prepared
	case StartRefused:
		if a.target.state == TargetStarting {
			a.ran = false
		}
	}
	before := a.target.Owner()
	for _, action := range a.target.Step(e) {
		if err := a.did(action); err != nil {
			return err
		}
	}
	if before != Undecided && a.target.Owner() != before {
		return errors.New("what was decided is undecided")
	}
	if a.writing != a.target.writing {
		return errors.New("it waits for a write that nobody does")
	}
	return nil
}

func (a *aloneTarget) did(action TargetAction) error {
	switch action.Do {
	case WriteRecord:
		if a.writing != 0 {
			return errTwoWrites
		}
		a.writing = action.Record.Fate
		return action.Record.Check()
	case SendPrepared:
		if a.certain != Prepared {
			return errUnwritten
		}
		a.prepared = true
	case RunGuest:
		switch {
		case !a.commit:
			return errNoCommit
		case a.certain != Running:
			return errUnwritten
		case a.renounced || a.ran:
			return errAborted
		}
		a.ran = true
	case SendFailed, RemoveMachine:
		return a.renounce()
	case SendRunning:
		return a.claim()
	case SendAnswer:
		switch action.Answer {
		case AnswerAborted:
			return a.renounce()
		case AnswerRunning:
			return a.claim()
		}
	}
	return nil
}

func (a *aloneTarget) renounce() error {
	if a.ran || a.mayRun {
		return errStale
	}
	a.renounced = true
	return nil
}

func (a *aloneTarget) claim() error {
	if a.certain != Running || a.renounced {
		return errUnwritten
	}
	return nil
}

// TestATargetKeepsItsRulesWhateverItIsTold does not trust the source, the driver or the
// order of anything.
func TestATargetKeepsItsRulesWhateverItIsTold(t *testing.T) {
	all := []aloneTarget{{target: *NewTarget(Session{1})}}
	for found, written := range map[TargetFate]TargetFate{Prepared: Aborted, Running: Running, Aborted: Aborted} {
		s, actions, err := RestoreTarget(TargetRecord{Session: Session{1}, Fate: found})
		if err != nil || len(actions) != 1 || actions[0].Do != WriteRecord || actions[0].Record.Fate != written {
			t.Fatalf("%v: restored to %v, %v", found, actions, err)
		}
		// Over an aborted that is found, running may come back until it is written again.
		all = append(all, aloneTarget{target: *s, writing: written, mayRun: found != Prepared, ran: found == Running})
	}
	known := map[aloneTarget]bool{}
	for i := 0; i < len(all); i++ {
		for _, e := range anything() {
			next := all[i]
			if err := next.do(e); err != nil {
				t.Fatalf("%v of %+v: %v", e, all[i], err)
			}
			if !known[next] {
				known[next] = true
				all = append(all, next)
			}
		}
	}
	t.Logf("%d states", len(all))
}
