package converge

import "time"

const (
	// window is how many rounds the speed of the link is taken from.
	window = 3
	// A round tells how fast the link is when it was of some size, or took some time.
	// Of one that is smaller, most of the time is none of the link's.
	enoughBytes = 1 << 20
	enoughTime  = 10 * time.Millisecond
)

// rates are the speeds of the last rounds, in bytes per second.
type rates struct {
	last [window]rate
	n    int // rounds that were noted
}

type rate struct {
	memory  float64 // bytes of memory per second; 0 is unknown
	wire    float64 // bytes on the link per second
	telling bool
}

// note takes a round in which had bytes of memory, zeroes or not, were to be moved.
func (s *rates) note(r Round, had uint64) {
	net := max(r.Took-r.RTT, time.Microsecond) // its end was a round trip away
	sent, wire := r.Sent, r.Wire
	if sent == 0 {
		sent, wire = had, had
	}
	if wire == 0 {
		wire = sent
	}
	s.last[s.n%window] = rate{
		memory:  float64(sent) / net.Seconds(),
		wire:    float64(wire) / net.Seconds(),
		telling: r.Sent >= enoughBytes || r.Sent > 0 && net >= enoughTime,
	}
	s.n++
}

// lowest is the lowest speed of memory and of the link in the last rounds that tell
// it, or in all where none does; 0 where nothing is known.
func (s *rates) lowest() (memory, wire float64) {
	for _, telling := range []bool{true, false} {
		for _, r := range s.last {
			if r.memory == 0 || telling && !r.telling {
				continue
			}
			if memory == 0 || r.memory < memory {
				memory = r.memory
			}
			if wire == 0 || r.wire < wire {
				wire = r.wire
			}
		}
		if memory != 0 {
			break
		}
	}
	return memory, wire
}
