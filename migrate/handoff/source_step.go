package handoff

// Step takes what happened, and says what is to be done about it, in order.
func (s *Source) Step(e Event) []SourceAction {
	switch e {
	case LinkLost:
		s.linked = false
	case MachineLost:
		s.machine = false
	}
	switch s.state {
	case SourceCopying, SourceHolding, SourceSent:
		return s.before(e)
	case SourceHandingOver:
		return s.handingOver(e)
	case SourceWithdrawing:
		return s.withdrawing(e)
	case SourceHandedOver:
		return s.handedOver(e)
	case SourceTakingBack:
		return s.takingBack(e)
	case SourceForgetting:
		return s.forgetting(e)
	}
	return s.over(e)
}

// before: nothing is written, so that the machine is the source's whatever happens.
func (s *Source) before(e Event) []SourceAction {
	switch {
	case e == SwitchOver && s.state == SourceCopying:
		s.state, s.held = SourceHolding, true
		return []SourceAction{{Do: HoldGuest}}
	case e == StateSent && s.state == SourceHolding:
		s.state = SourceSent
		return nil
	case e == GotPrepared && s.state == SourceSent:
		s.state = SourceHandingOver
		return []SourceAction{s.write(HandedOver)}
	case e == Cancelled:
		s.cancelling = true
		return s.keep()
	}
	switch e {
	case LinkLost, Timeout, MachineLost, GotFailed:
		return s.keep()
	case GotPrepared, GotRunning, GotAnswerPrepared, GotAnswerRunning, GotAnswerAborted, GotAnswerUnknown:
		// The target does not keep to the protocol, and has no commit.
		return s.keep()
	case ResolveSource, ResolveTarget:
		return []SourceAction{notice(NoticeNotHandedOver)}
	}
	return nil
}

func (s *Source) handingOver(e Event) []SourceAction {
	switch e {
	case WriteDone:
		if s.writing == 0 {
			return nil
		}
		s.state, s.writing = SourceHandedOver, 0
		do := []SourceAction{notice(NoticeHandedOver)}
		do = append(do, s.answerCancel(CancelLate)...)
		if s.linked {
			return append(do, SourceAction{Do: SendCommit})
		}
		return append(do, SourceAction{Do: Reconnect})
	case WriteFailed, WriteUnclear:
		switch {
		case s.writing == 0:
			return nil
		case s.restored:
			// Commit may have been sent: there is nothing to withdraw.
			return s.failed()
		case e == WriteFailed:
			s.writing = 0
			return s.keep()
		}
		s.state = SourceWithdrawing
		return append(s.sendCancel(), s.write(TakenBack))
	case Cancelled:
		s.cancelling = true
		if s.restored {
			return s.answerCancel(CancelLate)
		}
	case Retry:
		return s.retry()
	case MachineLost:
		return []SourceAction{notice(NoticeMachineLost)}
	case ResolveSource, ResolveTarget:
		return []SourceAction{notice(NoticeNotHandedOver)}
	}
	return nil
}

// withdrawing: it must not run while a start could find HandedOver, ask the target,
// and commit to a machine that went on here. A target that is rid of it is as good.
func (s *Source) withdrawing(e Event) []SourceAction {
	switch e {
	case WriteDone:
		if s.writing == 0 {
			return nil
		}
		s.writing = 0
		return s.keep()
	case WriteFailed, WriteUnclear:
		return s.failed()
	case GotFailed, GotAnswerAborted:
		do := s.keep()
		if s.writing == 0 {
			do = append(do, s.write(TakenBack))
		}
		return do
	case Cancelled:
		s.cancelling = true
	case Retry:
		return s.retry()
	case MachineLost:
		return []SourceAction{notice(NoticeMachineLost)}
	case ResolveSource, ResolveTarget:
		return []SourceAction{notice(NoticeNotHandedOver)}
	}
	return nil
}

func (s *Source) handedOver(e Event) []SourceAction {
	switch e {
	case GotRunning, GotAnswerRunning:
		s.state, s.operator = SourceMoved, false
		return append(s.end(), s.write(Moved), notice(NoticeMoved))
	case GotFailed, GotAnswerAborted:
		s.operator = false
		return s.takeBack()
	case GotAnswerPrepared:
		return []SourceAction{{Do: SendCommit}}
	case GotAnswerUnknown:
		s.linked = false
		return []SourceAction{notice(NoticeUnknown), {Do: Reconnect}}
	case LinkLost, Timeout:
		s.linked = false
		return []SourceAction{notice(NoticeSilent), {Do: Reconnect}}
	case Reconnected:
		s.linked = true
		return []SourceAction{{Do: SendAsk}}
	case Cancelled:
		s.cancelling = true
		return s.answerCancel(CancelLate)
	case MachineLost:
		return []SourceAction{notice(NoticeMachineLost)}
	case ResolveSource, ResolveTarget:
		if s.linked {
			return []SourceAction{notice(NoticeAsking)}
		}
		s.operator, s.unclear = true, false
		if e == ResolveSource {
			s.state = SourceTakingBack
			return []SourceAction{s.write(TakenBack)}
		}
		s.state = SourceForgetting
		return []SourceAction{s.write(Moved)}
	}
	return nil
}

// takingBack: by a person's word, or found written. Once that may be on the disk,
// there is no way back to asking, which could end in a commit.
func (s *Source) takingBack(e Event) []SourceAction {
	switch e {
	case WriteDone:
		if s.writing == 0 {
			return nil
		}
		s.state, s.writing = SourceTakenBack, 0
		return append(s.letGo(), notice(NoticeTakenBack))
	case WriteFailed:
		if s.unclear {
			return s.failed()
		}
		return s.unresolved()
	case WriteUnclear:
		s.unclear = true
		return s.failed()
	case Cancelled:
		s.cancelling = true
		return s.answerCancel(CancelLate)
	case Retry:
		return s.retry()
	case MachineLost:
		return []SourceAction{notice(NoticeMachineLost)}
	}
	return nil
}

// forgetting: a person threw the machine away. Not written, that is void: whichever
// of HandedOver and Moved is on the disk, it does not run here by that.
func (s *Source) forgetting(e Event) []SourceAction {
	switch e {
	case WriteDone:
		if s.writing == 0 {
			return nil
		}
		s.state, s.writing = SourceMoved, 0
		return append(s.end(), notice(NoticeMoved))
	case WriteFailed, WriteUnclear:
		return s.unresolved()
	case Cancelled:
		s.cancelling = true
		return s.answerCancel(CancelLate)
	case MachineLost:
		return []SourceAction{notice(NoticeMachineLost)}
	}
	return nil
}

// over: kept, taken back or moved. What is left is the record.
func (s *Source) over(e Event) []SourceAction {
	switch e {
	case WriteDone:
		s.writing = 0
	case WriteFailed, WriteUnclear:
		return s.failed()
	case Retry:
		return s.retry()
	case Cancelled:
		s.cancelling = true
		if s.state == SourceKept {
			return s.answerCancel(CancelWon)
		}
		return s.answerCancel(CancelLate)
	case ResolveSource, ResolveTarget:
		return []SourceAction{notice(NoticeNotHandedOver)}
	}
	return nil
}
