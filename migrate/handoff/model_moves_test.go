package handoff

import "fmt"

// model is what may happen.
type model struct {
	sides
	cancels   bool // the user cancels, again and again
	truth     bool // a person resolves where that is right
	liesHere  bool // one resolves for the source where it is wrong
	liesThere bool // one resolves for the target where it is wrong
	mayPerish bool // the target's host may burn down
	harmOnly  bool // see mind

	told [64]int // how often each event happened
	did  [64]int // how often each thing was done
}

// move is one thing that happens, for a trace.
type move struct {
	who  string
	what fmt.Stringer
}

type words string

func (w words) String() string { return string(w) }

func (m move) String() string { return m.who + ": " + m.what.String() }

// step is a move, the world after it, and the rule that it broke.
type step struct {
	move
	to  world
	err error
}

// steps are all that may happen next.
func (m *model) steps(w world) []step {
	var out []step
	add := func(who string, what fmt.Stringer, do func(*world) error) {
		to := w
		err := do(&to)
		if err == nil {
			err = to.judge()
		}
		out = append(out, step{move{who, what}, to, err})
	}
	source := func(e Event) {
		add("source", e, func(w *world) error { return m.tellSource(w, e) })
	}
	target := func(e Event) {
		add("target", e, func(w *world) error { return m.tellTarget(w, e) })
	}
	m.sourceMoves(w, add, source)
	m.targetMoves(w, add, target)
	return out
}

type addFunc = func(who string, what fmt.Stringer, do func(*world) error)

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

// deliver takes a message off its way where it is delivered once.
func (w *world) deliver(message mail) {
	if w.calm {
		w.sent &^= message
	}
}
