package handoff

func (t *Target) write(f TargetFate) TargetAction {
	t.writing, t.unwritten = f, 0
	return TargetAction{Do: WriteRecord, Record: TargetRecord{Session: t.session, Fate: f}}
}

// failed keeps the record that was under way for another try.
func (t *Target) failed() []TargetAction {
	if t.writing == 0 {
		return nil
	}
	t.writing, t.unwritten = 0, t.writing
	return []TargetAction{{Do: Report, Notice: NoticeUnwritten}}
}

func (t *Target) retry() []TargetAction {
	if !t.Unwritten() {
		return nil
	}
	return []TargetAction{t.write(t.unwritten)}
}

// abort ends a move whose machine never ran here.
func (t *Target) abort() []TargetAction {
	t.state = TargetAborted
	return append(t.say(SendFailed), TargetAction{Do: RemoveMachine}, TargetAction{Do: Report, Notice: NoticeAborted})
}

// say sends where there is somebody to hear it.
func (t *Target) say(message Do) []TargetAction {
	if !t.linked {
		return nil
	}
	return []TargetAction{{Do: message}}
}
