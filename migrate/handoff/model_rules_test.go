package handoff

import "errors"

// The rules, each with the words that a counterexample begins with.
var (
	errBothRun    = errors.New("both sides run the machine")
	errStale      = errors.New("a side goes on with a machine that ran on at the other")
	errNoProof    = errors.New("the source runs a machine that it handed over, without proof")
	errNoCommit   = errors.New("the target runs a machine without commit")
	errUnwritten  = errors.New("something is done or said before what allows it is on the disk")
	errAborted    = errors.New("the target runs a machine that it renounced")
	errLost       = errors.New("the machine is lost, and nobody died of whom it was")
	errCancel     = errors.New("a cancel is not answered by exactly one true answer")
	errTwoWrites  = errors.New("a record is written while another is")
	errNoWayOut   = errors.New("nothing fails any more, and it does not end with one side that runs")
	errImpossible = errors.New("the model is wrong")
)

// mind is whether a broken rule ends the search. With harmOnly, only those do whose
// breach a user would feel, and not those that are there so that it never comes to it.
func (m *model) mind(err error) error {
	if m.harmOnly && (err == errNoProof || err == errNoCommit || err == errUnwritten || err == errAborted) {
		return nil
	}
	return err
}

// judgeSourceRun is asked as the source's guest is let go, or its instance started.
func (w *world) judgeSourceRun() error {
	truth := w.seen.resolvedHere && w.targetLife == gone
	switch {
	case w.targetGuest == running || w.targetGuest == starting:
		return errBothRun
	case w.seen.started && !truth:
		return errStale
	case w.seen.handed && !w.seen.proof && !w.seen.resolvedHere:
		return errNoProof
	}
	return nil
}

// judgeTargetRun is the same for the target.
func (w *world) judgeTargetRun() error {
	switch {
	case w.sourceGuest == running:
		return errBothRun
	case w.seen.wentOn:
		return errStale
	case w.seen.cancelWon:
		return errCancel
	case !w.seen.committed:
		return errNoCommit
	case w.seen.renounced || w.seen.aborted:
		return errAborted
	case !w.targetDisk.holds(uint8(Running)):
		return errUnwritten
	}
	return nil
}

// judgeCommit is asked as the source sends commit.
func (w *world) judgeCommit() error {
	switch {
	case w.seen.cancelWon:
		return errCancel
	case !w.sourceDisk.holds(uint8(HandedOver), uint8(Moved)):
		return errUnwritten
	}
	return nil
}

// judgePrepared is asked as the target says that it is prepared.
func (w *world) judgePrepared() error {
	if !w.targetDisk.holds(uint8(Prepared)) {
		return errUnwritten
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
	return nil
}

// judge is asked of each world that is reached.
func (w *world) judge() error {
	if w.sourceGuest == running && (w.targetGuest == running || w.targetGuest == starting) {
		return errBothRun
	}
	atTarget := w.targetGuest == running || w.targetGuest == starting
	switch {
	case w.sourceGuest != none || w.seen.sourceDied:
	case !w.seen.owned && !w.seen.started, !atTarget && !w.seen.targetDied:
		return errLost
	}
	if w.seen.owned && !w.seen.targetDied && w.targetGuest == none {
		return errLost
	}
	if !w.seen.asked && w.source.cancelling {
		return errCancel
	}
	return nil
}

// good is whether it is over: one side runs the machine, and knows that it may; the
// other knows that it may not; nothing waits to be written or answered.
func (w *world) good() bool {
	sourceSettled := w.sourceLife == absent || w.sourceLife == alive && w.source.Settled()
	targetSettled := w.targetLife == absent || w.targetLife == gone || w.targetLife == alive && w.target.Settled()
	if !sourceSettled || !targetSettled || w.sourceLife == alive && w.seen.asked {
		return false
	}
	here, there := w.sourceOwns(), w.targetOwns()
	switch {
	case here && there:
		return false
	case here:
		return w.sourceGuest == running
	case there:
		return w.targetGuest == running
	}
	// The one that had it burnt down.
	return w.targetLife == gone && w.seen.owned
}

func (w *world) sourceOwns() bool {
	return w.sourceLife == absent || w.sourceLife == alive && w.source.Owner() == Here
}

func (w *world) targetOwns() bool { return w.targetLife == alive && w.target.Owner() == Here }

// goneForGood is what a person must know who resolves for the source: the target does
// not run the machine, and never will.
func (w *world) goneForGood() bool {
	switch w.targetLife {
	case gone, absent:
		return true
	case down:
		return w.targetDisk.holds(0, uint8(Prepared), uint8(Aborted))
	}
	return w.target.state == TargetAborted
}

// runsThere is what one must know who resolves for the target.
func (w *world) runsThere() bool {
	return w.targetLife != gone && w.seen.owned && w.targetDisk.holds(uint8(Running)) &&
		(w.targetLife == down || w.target.Owner() == Here)
}
