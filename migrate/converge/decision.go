package converge

import "time"

// Verdict is what is to be done next.
type Verdict uint8

// The verdicts.
const (
	GoOn   Verdict = iota // the guest runs, and another round is sent
	Switch                // it is held, or stays so, and is handed over
	GiveUp                // the move ends, and the guest stays
)

func (v Verdict) String() string {
	switch v {
	case GoOn:
		return "go on"
	case Switch:
		return "switch"
	case GiveUp:
		return "give up"
	}
	return "no verdict"
}

// Decision is a verdict with what belongs to it.
type Decision struct {
	Verdict Verdict
	// Throttle is by how much the guest is slowed down while it runs, in percent. It
	// ends with the move, whichever way.
	Throttle int
	// Expected is how long the guest would stand still, or will; 0 where nothing is
	// known yet.
	Expected time.Duration
	// Reason is why a move is given up, for the user.
	Reason string
}
