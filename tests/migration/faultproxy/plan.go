package faultproxy

import "fmt"

// Fault is what becomes of the connections.
type Fault int

// The faults there are. Cut, Stall and Slow concern all connections; the others the one
// on which the point was reached.
const (
	None      Fault = iota // nothing: only the point is told of
	Cut                    // all are reset
	HalfClose              // nothing more comes from the side whose frame it was, and its end is seen
	Stall                  // nothing passes, until Lift
	Slow                   // Plan.Rate bytes a second pass, until Lift
	Corrupt                // one bit of the payload is another, or of the head where there is no payload
	Duplicate              // what was sent so far is sent again, on another connection to the target
)

var faultNames = [...]string{"none", "cut", "half-close", "stall", "slow", "corrupt", "duplicate"}

func (f Fault) String() string {
	if f >= 0 && int(f) < len(faultNames) {
		return faultNames[f]
	}
	return fmt.Sprintf("fault %d", int(f))
}

// Any is any connection.
const Any = -1

// Point is where a fault strikes: at a frame, or after some bytes of memory.
type Point struct {
	// Frame is the type of a frame, of which the Count-th (from 1, and 0 is 1) is the
	// point. 0 counts bytes instead.
	Frame Type
	Count int

	// After has the whole frame pass first.
	After bool

	// Bytes is how many bytes the source has sent over the memory connection Channel,
	// in the order in which these came, or over Any.
	Bytes   int64
	Channel int
}

func (p Point) String() string {
	switch {
	case p.Frame == 0:
		return fmt.Sprintf("%d bytes of memory connection %d", p.Bytes, p.Channel)
	case p.After:
		return fmt.Sprintf("after %v %d", p.Frame, max(p.Count, 1))
	}
	return fmt.Sprintf("before %v %d", p.Frame, max(p.Count, 1))
}

// Plan is one fault.
type Plan struct {
	Point
	Fault Fault

	// Refuse has later connections of the source reset, until Lift: the link is down.
	Refuse bool

	// Rate is how many bytes a second pass a Slow proxy, each way and connection.
	Rate int

	// Reached is called when the point is, before the fault strikes and while the
	// frame waits: a process can be killed then. May be nil.
	Reached func()
}
