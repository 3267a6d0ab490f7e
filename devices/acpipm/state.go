package acpipm

import (
	"time"

	"github.com/hullvm/hull/vmstate"
)

// stateVersion is the newest version of state.
const stateVersion = 1

// state has what waits for Resume apart from the registers, as PM does.
type state struct {
	PM1STS  uint16 `cbor:"1,keyasint"`
	PM1EN   uint16 `cbor:"2,keyasint"`
	PM1CNT  uint16 `cbor:"3,keyasint"`
	GPE0STS uint32 `cbor:"4,keyasint"`
	GPE0EN  uint32 `cbor:"5,keyasint"`
	RESET   uint8  `cbor:"6,keyasint"`

	Elapsed int64 `cbor:"7,keyasint"` // ns since the timer read 0
	Seen    int64 `cbor:"8,keyasint"` // ns up to which its carries are in PM1STS

	Pressed bool   `cbor:"9,keyasint"`  // the power button, while paused
	Raised  uint32 `cbor:"10,keyasint"` // general-purpose events, while paused
}

// maxElapsed is for how long a timer may have run, 146 years: so far from the
// largest number that no machine lives to see it.
const maxElapsed = 1 << 62

// Save writes the registers, the timer and what waits for Resume.
func (d *PM) Save(out vmstate.Out) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := &d.chip
	return out.Put(stateVersion, state{
		PM1STS: c.pm1STS, PM1EN: c.pm1EN, PM1CNT: c.pm1CNT,
		GPE0STS: c.gpe0STS, GPE0EN: c.gpe0EN, RESET: c.reset,
		Elapsed: int64(max(d.now(), c.seen)), Seen: int64(c.seen),
		Pressed: d.pressed, Raised: d.raised,
	})
}

// Load takes over what Save wrote; Resume lets events through. The timer goes on
// from where it was, now: the time between is none to the guest.
func (d *PM) Load(in vmstate.In) error {
	var s state
	if _, err := in.Get(stateVersion, &s); err != nil {
		return err
	}
	if err := s.check(in); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.disarmLocked()
	d.paused = true
	c := &d.chip
	c.pm1STS, c.pm1EN, c.pm1CNT = s.PM1STS, s.PM1EN, s.PM1CNT
	c.gpe0STS, c.gpe0EN, c.reset = s.GPE0STS, s.GPE0EN, s.RESET
	c.seen = time.Duration(s.Seen)
	d.start = d.clock.Now().Add(-time.Duration(s.Elapsed))
	d.pressed, d.raised = s.Pressed, s.Raised
	d.level = c.sci()
	d.line.Restore(d.level)
	return nil
}

// check refuses bits that no guest can set, and times that cannot have been.
func (s *state) check(in vmstate.In) error {
	switch {
	case s.PM1STS&^(pm1TMR|pm1PWRBTN) != 0:
		return in.Refuse("PM1_STS is %#x: there are no such events", s.PM1STS)
	case s.PM1EN&^pm1Enables != 0:
		return in.Refuse("PM1_EN is %#x: there are no such events", s.PM1EN)
	case s.PM1CNT&^(cntBMRLD|cntSLPTYP) != cntSCIEN:
		return in.Refuse("PM1_CNT is %#x: it cannot be", s.PM1CNT)
	case s.RESET&^(rstSYS|rstFull) != 0:
		return in.Refuse("RESET is %#x: it cannot be", s.RESET)
	case s.Seen < 0 || s.Seen > s.Elapsed || s.Elapsed > maxElapsed:
		return in.Refuse("the timer has run for %d ns and was looked at after %d", s.Elapsed, s.Seen)
	}
	return nil
}
