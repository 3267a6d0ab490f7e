package handoff

import "fmt"

func (m *model) targetMoves(w world, add addFunc, tell func(Event)) {
	switch w.targetLife {
	case down:
		add("target", words("start"), func(w *world) error { return m.startTarget(w) })
	case absent, gone:
		// Whoever has the address of a host that is gone knows of nothing, too.
		if w.sent&ask != 0 {
			add("target", words("an ask of nothing it knows"), func(w *world) error {
				w.deliver(ask)
				return m.answer(w, AnswerUnknown)
			})
		}
	case alive:
		m.liveTarget(w, add, tell)
	}
	if m.mayPerish && !w.calm && w.targetLife != gone {
		add("target", words("burns down"), func(w *world) error {
			w.target, w.targetLife, w.targetGuest, w.targetDisk = Target{}, gone, none, disk{}
			w.seen.targetDied = true
			return nil
		})
	}
}

func (m *model) liveTarget(w world, add addFunc, tell func(Event)) {
	t := w.target
	if t.state <= TargetPrepared {
		tell(Timeout)
	}
	if t.Unwritten() {
		tell(Retry)
	}
	if t.writing != 0 {
		fate := uint8(t.writing)
		add("target", WriteDone, func(w *world) error {
			w.targetDisk = w.targetDisk.done(fate)
			w.seen.owned = fate == uint8(Running) || w.seen.owned && fate != uint8(Aborted)
			w.seen.aborted = w.seen.aborted || fate == uint8(Aborted)
			return m.tellTarget(w, WriteDone)
		})
	}
	for message := state; message < mails; message <<= 1 {
		if e, ok := toTarget[message]; ok && w.sent&message != 0 {
			add("target", e, func(w *world) error {
				w.deliver(message)
				return m.tellTarget(w, e)
			})
		}
	}
	if w.targetGuest == starting {
		add("target", Started, func(w *world) error {
			w.targetGuest, w.seen.started = running, true
			return m.tellTarget(w, Started)
		})
	}
	if w.targetGuest == none && w.targetOwns() {
		add("target", words("boot"), func(w *world) error {
			w.targetGuest, w.seen.started = running, true
			return m.mind(w.judgeTargetRun())
		})
	}
	if !w.calm {
		m.targetFaults(w, add, tell)
	}
}

func (m *model) targetFaults(w world, add addFunc, tell func(Event)) {
	t := w.target
	if t.state == TargetReceiving {
		tell(LoadFailed)
	}
	if t.writing != 0 {
		fate := uint8(t.writing)
		tell(WriteFailed)
		tell(WriteUnclear)
		add("target", words("write unclear, and a new name"), func(w *world) error {
			w.targetDisk = w.targetDisk.renamed(fate)
			return m.tellTarget(w, WriteUnclear)
		})
	}
	if t.linked {
		tell(LinkLost)
	}
	switch w.targetGuest {
	case held:
		add("target", MachineLost, func(w *world) error {
			w.targetGuest, w.seen.targetDied = none, true
			return m.tellTarget(w, MachineLost)
		})
	case starting:
		add("target", StartRefused, func(w *world) error {
			w.targetGuest = held
			return m.tellTarget(w, StartRefused)
		})
		for _, e := range []Event{StartFailed, MachineLost} {
			add("target", e, func(w *world) error {
				w.targetGuest, w.seen.started, w.seen.targetDied = none, true, true
				return m.tellTarget(w, e)
			})
		}
	}
	for _, left := range w.targetDisk.cuts(uint8(t.writing)) {
		add("target", words("death"), func(w *world) error {
			w.seen.started = w.seen.started || w.targetGuest == starting
			w.target, w.targetLife, w.targetGuest, w.targetDisk = Target{}, down, none, left
			w.seen.targetDied = true
			return nil
		})
	}
}

func (m *model) startTarget(w *world) error {
	if w.targetDisk.now == 0 {
		if !w.targetDisk.holds(0) {
			return fmt.Errorf("%w: a record that is not found may come back", errImpossible)
		}
		w.targetLife = absent
		return nil
	}
	t, actions, err := m.restoreTarget(TargetRecord{Session: Session{1}, Fate: TargetFate(w.targetDisk.now)})
	if err != nil {
		return fmt.Errorf("%w: %w", errImpossible, err)
	}
	w.target, w.targetLife = *t, alive
	return m.doTarget(w, actions)
}
