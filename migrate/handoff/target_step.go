package handoff

// Step takes what happened, and says what is to be done about it, in order.
func (t *Target) Step(e Event) []TargetAction {
	switch e {
	case LinkLost:
		t.linked = false
	case GotCommit, GotAsk, GotCancel:
		t.linked = true
	}
	switch t.state {
	case TargetReceiving:
		return t.receiving(e)
	case TargetPreparing:
		return t.preparing(e)
	case TargetPrepared:
		return t.prepared(e)
	case TargetAccepting:
		return t.accepting(e)
	case TargetStarting:
		return t.starting(e)
	case TargetRunning, TargetBroken:
		return t.owns(e)
	case TargetAborting:
		return t.aborting(e)
	case TargetUndoing:
		return t.undoing(e)
	}
	return t.aborted(e)
}

func (t *Target) receiving(e Event) []TargetAction {
	switch e {
	case Loaded:
		t.state = TargetPreparing
		return []TargetAction{t.write(Prepared)}
	case LoadFailed, LinkLost, Timeout, MachineLost, GotCancel, GotCommit:
		// A commit before prepared was said is no protocol.
		return t.abort()
	case GotAsk:
		return []TargetAction{{Do: SendAnswer, Answer: AnswerUnknown}}
	}
	return nil
}

// preparing: prepared was not said, so that no commit can be on its way.
func (t *Target) preparing(e Event) []TargetAction {
	switch e {
	case WriteDone:
		if t.writing == 0 {
			return nil
		}
		if t.doomed {
			t.state = TargetAborting
			return []TargetAction{t.write(Aborted)}
		}
		t.state, t.writing = TargetPrepared, 0
		return []TargetAction{{Do: SendPrepared}}
	case WriteFailed, WriteUnclear:
		if t.writing == 0 {
			return nil
		}
		t.writing = 0
		return t.abort()
	case LinkLost, Timeout, MachineLost, GotCancel, GotCommit:
		t.doomed = true
	case GotAsk:
		return []TargetAction{{Do: SendAnswer, Answer: AnswerUnknown}}
	}
	return nil
}

func (t *Target) prepared(e Event) []TargetAction {
	switch e {
	case GotCommit:
		t.state = TargetAccepting
		return []TargetAction{t.write(Running)}
	case Timeout, MachineLost, GotCancel:
		t.state = TargetAborting
		return []TargetAction{t.write(Aborted)}
	case GotAsk:
		return []TargetAction{{Do: SendAnswer, Answer: AnswerPrepared}}
	}
	return nil
}

// accepting: asked now, it says nothing: running or failed follows.
func (t *Target) accepting(e Event) []TargetAction {
	switch e {
	case WriteDone:
		switch {
		case t.writing == 0:
			return nil
		case t.restored:
			t.state, t.writing = TargetRunning, 0
			return t.say(SendRunning)
		case t.doomed:
			t.state = TargetUndoing
			return []TargetAction{t.write(Aborted)}
		}
		t.state, t.writing = TargetStarting, 0
		return []TargetAction{{Do: RunGuest}}
	case WriteFailed, WriteUnclear:
		switch {
		case t.writing == 0:
			return nil
		case t.restored:
			// It may have run: there is nothing to undo.
			return t.failed()
		case e == WriteFailed:
			t.state = TargetAborting
		default:
			t.state = TargetUndoing
		}
		return []TargetAction{t.write(Aborted)}
	case MachineLost:
		t.doomed = true
	case Retry:
		return t.retry()
	}
	return nil
}

func (t *Target) starting(e Event) []TargetAction {
	switch e {
	case Started:
		t.state = TargetRunning
		return append(t.say(SendRunning), TargetAction{Do: Report, Notice: NoticeRunning})
	case StartRefused:
		t.state = TargetUndoing
		return []TargetAction{t.write(Aborted)}
	case StartFailed, MachineLost:
		// It may have written to its disks: the source's guest must not go on.
		t.state = TargetBroken
		return append(t.say(SendRunning), TargetAction{Do: Report, Notice: NoticeStartFailed})
	}
	return nil
}

func (t *Target) owns(e Event) []TargetAction {
	switch e {
	case GotCommit:
		return []TargetAction{{Do: SendRunning}}
	case GotAsk:
		return []TargetAction{{Do: SendAnswer, Answer: AnswerRunning}}
	}
	return nil
}

// aborting: one try to write it, then it is said: nothing on the disk says otherwise.
func (t *Target) aborting(e Event) []TargetAction {
	switch e {
	case WriteDone:
		if t.writing == 0 {
			return nil
		}
		t.writing = 0
		return t.abort()
	case WriteFailed, WriteUnclear:
		if t.writing == 0 {
			return nil
		}
		return append(t.failed(), t.abort()...)
	}
	return nil
}

func (t *Target) undoing(e Event) []TargetAction {
	switch e {
	case WriteDone:
		if t.writing == 0 {
			return nil
		}
		t.writing = 0
		return t.abort()
	case WriteFailed, WriteUnclear:
		return t.failed()
	case Retry:
		return t.retry()
	}
	return nil
}

func (t *Target) aborted(e Event) []TargetAction {
	switch e {
	case WriteDone:
		t.writing = 0
	case WriteFailed, WriteUnclear:
		return t.failed()
	case Retry:
		return t.retry()
	case GotCommit:
		return []TargetAction{{Do: SendFailed}}
	case GotAsk:
		return []TargetAction{{Do: SendAnswer, Answer: AnswerAborted}}
	}
	return nil
}
