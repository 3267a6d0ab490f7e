package converge

import (
	"math"
	"time"
)

// Policy decides for one move. It is for one goroutine at a time.
type Policy struct {
	config Config

	rates    rates
	last     Round
	rounds   int
	elapsed  time.Duration
	throttle int
	worse    int // rounds that were no better than the one before, since a step
	stuck    int // steps of the throttle that were due and could not be made
	hopeless int // rounds in a row for which the hand-over alone was too long
}

// New returns the policy of a move that begins.
func New(c Config) *Policy { return &Policy{config: c.filled()} }

// Decide says what is to be done after a round.
func (p *Policy) Decide(r Round) Decision {
	before := p.last
	p.rates.note(r, before.Left)
	p.last = r
	p.rounds++
	p.elapsed += r.Took

	expected, known := p.expect(r.Left)
	if known && expected <= p.config.Downtime {
		return p.decision(Switch)
	}
	if p.handOver() > p.config.Downtime {
		p.hopeless++
	} else {
		p.hopeless = 0
	}
	if p.rounds > 1 && !better(before.Left, r.Left) {
		p.slowDown()
	}
	if reason := p.hopelessness(); reason != "" {
		return p.giveUp(reason)
	}
	return p.decision(GoOn)
}

// Expected is how long the guest would stand still if it were held now; 0 where
// nothing is known yet.
func (p *Policy) Expected() time.Duration {
	d, _ := p.expect(p.last.Left)
	return d
}

// Rates are how fast the guest has written to memory in the last round, and how fast
// memory goes over the link, in bytes per second.
func (p *Policy) Rates() (dirty, link uint64) {
	memory, _ := p.rates.lowest()
	if p.last.Took > 0 {
		dirty = uint64(float64(p.last.Left) / p.last.Took.Seconds())
	}
	return dirty, uint64(memory)
}

// expect is how long the guest stands still for left bytes, if that is known.
func (p *Policy) expect(left uint64) (d time.Duration, known bool) {
	memory, _ := p.rates.lowest()
	if left > 0 && memory == 0 {
		return 0, false
	}
	return add(p.handOver(), duration(left, memory)), true
}

// handOver is how long it takes when no memory is left.
func (p *Policy) handOver() time.Duration {
	_, wire := p.rates.lowest()
	return add(duration(p.last.State, wire), add(2*p.last.RTT, p.last.Fixed))
}

// duration is how long n bytes take; 0 where the speed is not known.
func duration(n uint64, perSecond float64) time.Duration {
	if perSecond == 0 {
		return 0
	}
	ns := math.Ceil(float64(n) / perSecond * 1e9)
	if ns >= math.MaxInt64 {
		return math.MaxInt64
	}
	return time.Duration(ns)
}

func add(a, b time.Duration) time.Duration {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// better reports whether less is left than before, by as much as is no accident.
func better(before, now uint64) bool { return now < before-before/10 }

// slowDown makes a step of the throttle when it is time for one.
func (p *Policy) slowDown() {
	p.worse++
	if p.worse < patience {
		return
	}
	p.worse = 0
	step := firstThrottle
	if p.throttle > 0 {
		step = p.throttle + throttleStep
	}
	step = min(step, p.config.MaxThrottle)
	if step == p.throttle {
		p.stuck++
		return
	}
	p.throttle, p.stuck = step, 0
}

func (p *Policy) decision(v Verdict) Decision {
	return Decision{Verdict: v, Throttle: p.throttle, Expected: p.Expected()}
}

func (p *Policy) giveUp(reason string) Decision {
	return Decision{Verdict: GiveUp, Expected: p.Expected(), Reason: reason}
}
