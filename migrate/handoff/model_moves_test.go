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

// deliver takes a message off its way where it is delivered once.
func (w *world) deliver(message mail) {
	if w.calm {
		w.sent &^= message
	}
}
