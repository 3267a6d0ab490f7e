package handoff

func notice(n Notice) SourceAction { return SourceAction{Do: Report, Notice: n} }

func (s *Source) write(f SourceFate) SourceAction {
	s.writing, s.unwritten = f, 0
	return SourceAction{Do: WriteRecord, Record: SourceRecord{
		Session: s.session, Fate: f, Operator: s.operator && f != HandedOver,
	}}
}

// failed keeps the record that was under way for another try.
func (s *Source) failed() []SourceAction {
	if s.writing == 0 {
		return nil
	}
	s.writing, s.unwritten = 0, s.writing
	return []SourceAction{notice(NoticeUnwritten)}
}

func (s *Source) retry() []SourceAction {
	if !s.Unwritten() {
		return nil
	}
	return []SourceAction{s.write(s.unwritten)}
}

// letGo lets a guest go on that was held, where it still is.
func (s *Source) letGo() []SourceAction {
	if !s.held || !s.machine {
		return nil
	}
	s.held = false
	return []SourceAction{{Do: LetGuestGo}}
}

// end throws the machine away.
func (s *Source) end() []SourceAction {
	if !s.machine {
		return nil
	}
	s.machine, s.held = false, false
	return []SourceAction{{Do: EndMachine}}
}

// keep ends a move whose machine was certainly never handed over.
func (s *Source) keep() []SourceAction {
	do := s.letGo()
	if s.state != SourceWithdrawing { // which began with it
		do = append(do, s.sendCancel()...)
	}
	s.state = SourceKept
	do = append(do, s.answerCancel(CancelWon)...)
	return append(do, notice(NoticeKept))
}

// takeBack is for the target's word that the machine never ran there and never will.
// That word is proof enough for the guest to go on before it is written down: a start
// that finds HandedOver asks again, and hears the same.
func (s *Source) takeBack() []SourceAction {
	s.state = SourceTakenBack
	return append(s.letGo(), s.write(TakenBack), notice(NoticeTakenBack))
}

// unresolved is for a person's decision that could not be written.
func (s *Source) unresolved() []SourceAction {
	if s.writing == 0 {
		return nil
	}
	s.state, s.writing, s.operator = SourceHandedOver, 0, false
	return []SourceAction{notice(NoticeUnresolved), {Do: Reconnect}}
}

func (s *Source) sendCancel() []SourceAction {
	if !s.linked {
		return nil
	}
	return []SourceAction{{Do: SendCancel}}
}

func (s *Source) answerCancel(with Do) []SourceAction {
	if !s.cancelling {
		return nil
	}
	s.cancelling = false
	return []SourceAction{{Do: with}}
}
