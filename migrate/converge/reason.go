package converge

import (
	"fmt"
	"time"

	"github.com/docker/go-units"
)

// hopelessness says why the move is to be given up; "" where it is not.
func (p *Policy) hopelessness() string {
	c := &p.config
	switch {
	case p.hopeless >= maxHopeless:
		return fmt.Sprintf("to hand the machine over takes %s, however little of its memory is left, and it may stand still for %s: allow more with --downtime",
			shown(p.handOver()), shown(c.Downtime))
	case p.stuck >= maxStuck:
		return fmt.Sprintf("it does not converge: %s", p.why())
	case p.rounds >= c.MaxRounds:
		return fmt.Sprintf("it does not converge in %d rounds: %s", p.rounds, p.why())
	case c.Timeout > 0 && p.elapsed >= c.Timeout:
		return fmt.Sprintf("it does not converge in %s: %s", shown(c.Timeout), p.why())
	}
	return ""
}

// why is what the user can do something about.
func (p *Policy) why() string {
	dirty, link := p.Rates()
	s := fmt.Sprintf("the guest dirties %s/s, the link takes %s/s", size(dirty), size(link))
	if expected := p.Expected(); expected > 0 {
		s += fmt.Sprintf(", and to move what is left it would stand still for %s where %s are allowed", shown(expected), shown(p.config.Downtime))
	}
	s += ": allow more with --downtime"
	switch {
	case p.config.MaxThrottle == 0:
		s += ", or have it slowed down with --throttle"
	case p.config.MaxThrottle < HighestThrottle:
		s += fmt.Sprintf(", or have it slowed down by more than %d %% with --throttle", p.config.MaxThrottle)
	}
	return s
}

func size(n uint64) string { return units.HumanSize(float64(n)) }

func shown(d time.Duration) string {
	switch {
	case d >= 10*time.Second:
		return d.Round(time.Second).String()
	case d >= 10*time.Millisecond:
		return d.Round(time.Millisecond).String()
	}
	return d.Round(time.Microsecond).String()
}
