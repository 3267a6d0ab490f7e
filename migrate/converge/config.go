package converge

import "time"

// What holds where a Config says nothing.
const (
	DefaultDowntime  = 50 * time.Millisecond
	DefaultMaxRounds = 50
)

// HighestThrottle is the most that a guest can be slowed down by, in percent.
const HighestThrottle = 99

const (
	firstThrottle = 20 // percent
	throttleStep  = 10
	// patience is how many rounds that are no better make a step of the throttle.
	patience = 2
	// maxStuck is how many steps that can not be made end the move.
	maxStuck = 4
	// maxHopeless is how many rounds in a row the hand-over alone may take longer than
	// is allowed.
	maxHopeless = 3
)

// Config is what the user allows. The zero value is what most want.
type Config struct {
	// Downtime is how long the guest may stand still; 0 for DefaultDowntime.
	Downtime time.Duration
	// MaxRounds bounds the rounds before the guest is held; 0 for DefaultMaxRounds.
	MaxRounds int
	// Timeout bounds the time of all rounds together; 0 for none.
	Timeout time.Duration
	// MaxThrottle is by how much the guest may be slowed down, in percent up to
	// HighestThrottle; 0 for not at all.
	MaxThrottle int
}

func (c Config) filled() Config {
	if c.Downtime <= 0 {
		c.Downtime = DefaultDowntime
	}
	if c.MaxRounds <= 0 {
		c.MaxRounds = DefaultMaxRounds
	}
	c.Timeout = max(c.Timeout, 0)
	c.MaxThrottle = min(max(c.MaxThrottle, 0), HighestThrottle)
	return c
}
