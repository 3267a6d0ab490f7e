package handoff

import "fmt"

func (m *model) sourceMoves(w world, add addFunc, tell func(Event)) {
	switch w.sourceLife {
	case down:
		add("source", words("start"), func(w *world) error { return m.startSource(w) })
		return
	case absent:
		m.boot(w, add)
		return
	}
	s := w.source
	switch s.state {
	case SourceCopying:
		tell(SwitchOver)
	case SourceHolding:
		add("source", StateSent, func(w *world) error {
			w.sent |= state
			return m.tellSource(w, StateSent)
		})
	}
	if s.state <= SourceHandedOver {
		tell(Timeout)
	}
	if s.Unwritten() {
		tell(Retry)
	}
	if w.dialing && w.targetLife != down {
		add("source", Reconnected, func(w *world) error {
			w.dialing = false
			return m.tellSource(w, Reconnected)
		})
	}
	if s.writing != 0 {
		fate := uint8(s.writing)
		add("source", WriteDone, func(w *world) error {
			w.sourceDisk = w.sourceDisk.done(fate)
			w.seen.handed = w.seen.handed || fate == uint8(HandedOver)
			return m.tellSource(w, WriteDone)
		})
	}
	for message := state; message < mails; message <<= 1 {
		if e, ok := toSource[message]; ok && w.sent&message != 0 {
			add("source", e, func(w *world) error {
				w.deliver(message)
				return m.tellSource(w, e)
			})
		}
	}
	m.boot(w, add)
	m.resolutions(w, tell)
	if !w.calm {
		m.sourceFaults(w, add, tell)
	}
}

// boot starts the source's instance where it has no machine and may have one: by a
// policy, or a command.
func (m *model) boot(w world, add addFunc) {
	if w.sourceGuest == none && w.sourceOwns() {
		add("source", words("boot"), m.letSourceRun)
	}
}

func (m *model) resolutions(w world, tell func(Event)) {
	if w.source.state < SourceHandingOver || w.source.state > SourceHandedOver {
		return
	}
	if right := w.goneForGood(); right && m.truth || !right && m.liesHere {
		tell(ResolveSource)
	}
	if right := w.runsThere(); right && m.truth || !right && m.liesThere {
		tell(ResolveTarget)
	}
}

func (m *model) sourceFaults(w world, add addFunc, tell func(Event)) {
	s := w.source
	if s.writing != 0 {
		fate := uint8(s.writing)
		tell(WriteFailed)
		tell(WriteUnclear)
		add("source", words("write unclear, and a new name"), func(w *world) error {
			w.sourceDisk = w.sourceDisk.renamed(fate)
			return m.tellSource(w, WriteUnclear)
		})
	}
	if s.linked || w.dialing {
		add("source", LinkLost, func(w *world) error {
			w.dialing = false
			return m.tellSource(w, LinkLost)
		})
	}
	if w.sourceGuest == held {
		add("source", MachineLost, func(w *world) error {
			w.sourceGuest = none
			w.seen.sourceDied = true
			return m.tellSource(w, MachineLost)
		})
	}
	if m.cancels && !w.seen.asked {
		tell(Cancelled)
	}
	for _, left := range w.sourceDisk.cuts(uint8(s.writing)) {
		add("source", words("death"), func(w *world) error {
			w.source, w.sourceLife, w.sourceGuest, w.sourceDisk = Source{}, down, none, left
			w.dialing = false
			w.seen.sourceDied, w.seen.asked = true, false
			return nil
		})
	}
}

func (m *model) startSource(w *world) error {
	if w.sourceDisk.now == 0 {
		if !w.sourceDisk.holds(0) {
			return fmt.Errorf("%w: a record that is not found may come back", errImpossible)
		}
		w.sourceLife = absent
		return nil
	}
	s, actions, err := m.restoreSource(SourceRecord{Session: Session{1}, Fate: SourceFate(w.sourceDisk.now)})
	if err != nil {
		return fmt.Errorf("%w: %w", errImpossible, err)
	}
	w.source, w.sourceLife = *s, alive
	return m.doSource(w, actions)
}
