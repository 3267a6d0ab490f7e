package acpipm

import (
	"math/bits"
	"time"
)

// chip is the registers. Time reaches it as the time since the timer read 0.
type chip struct {
	pm1STS, pm1EN   uint16
	pm1CNT          uint16
	gpe0STS, gpe0EN uint32
	reset           byte

	timer32 bool
	seen    time.Duration // up to where the timer's carries are in pm1STS
}

// act is what a register write asks of the machine.
type act uint8

const (
	actPowerOff act = 1 << iota
	actReset
)

func newChip(timer32 bool) chip { return chip{pm1CNT: cntSCIEN, timer32: timer32} }

func (c *chip) read(b blockID, off uint64, now time.Duration) uint64 {
	switch b {
	case blockPM1Event:
		if off == regPM1STS {
			c.advance(now)
			return uint64(c.pm1STS)
		}
		return uint64(c.pm1EN)
	case blockPM1Control:
		return uint64(c.pm1CNT)
	case blockTimer:
		return c.count(now)
	case blockGPE0:
		if off == regGPE0STS {
			return uint64(c.gpe0STS)
		}
		return uint64(c.gpe0EN)
	default:
		return uint64(c.reset)
	}
}

func (c *chip) write(b blockID, off, v uint64, now time.Duration) act {
	switch b {
	case blockPM1Event:
		c.advance(now)
		if off == regPM1STS {
			c.pm1STS &^= uint16(v)
		} else {
			c.pm1EN = uint16(v) & pm1Enables
		}
	case blockPM1Control:
		c.pm1CNT = uint16(v)&(cntBMRLD|cntSLPTYP) | cntSCIEN
		// The machine knows no other sleep; _S1 to _S4 are not in the DSDT.
		if v&cntSLPEN != 0 && v&cntSLPTYP>>slpTypShift == slpTypS5 {
			return actPowerOff
		}
	case blockGPE0:
		if off == regGPE0STS {
			c.gpe0STS &^= uint32(v)
		} else {
			c.gpe0EN = uint32(v)
		}
	case blockReset:
		c.reset = byte(v) & (rstSYS | rstFull)
		if v&rstCPU != 0 {
			return actReset
		}
	}
	return 0
}

// press is the power button.
func (c *chip) press() { c.pm1STS |= pm1PWRBTN }

// raise sets the status of general-purpose events.
func (c *chip) raise(events uint32) { c.gpe0STS |= events }

// sci is whether an enabled event is pending.
func (c *chip) sci() bool { return c.pm1STS&c.pm1EN != 0 || c.gpe0STS&c.gpe0EN != 0 }

// advance notes whether the timer's highest bit has changed since it was last
// asked; how often does not matter.
func (c *chip) advance(now time.Duration) {
	if carries(c.seen, c.carryBit()) != carries(now, c.carryBit()) {
		c.pm1STS |= pm1TMR
	}
	c.seen = max(c.seen, now)
}

// carryAfter is when the timer's highest bit changes next after what pm1STS
// tells, if somebody hears of it; ok is false where nobody would.
func (c *chip) carryAfter() (at time.Duration, ok bool) {
	if c.pm1EN&pm1TMR == 0 || c.pm1STS&pm1TMR != 0 {
		return 0, false
	}
	next := (carries(c.seen, c.carryBit()) + 1) << c.carryBit()
	high, low := bits.Mul64(next, uint64(time.Second))
	if high >= timerHz {
		return 0, false // after more years than a time.Duration holds
	}
	ns, rest := bits.Div64(high, low, timerHz)
	if rest != 0 {
		ns++
	}
	return time.Duration(ns), ns <= uint64(1<<63-1)
}

// count is the timer.
func (c *chip) count(now time.Duration) uint64 { return ticks(now) & (2<<c.carryBit() - 1) }

// carryBit is the highest bit of the timer.
func (c *chip) carryBit() int {
	if c.timer32 {
		return 31
	}
	return 23
}

// carries counts the changes of the bit since the timer read 0.
func carries(t time.Duration, bit int) uint64 { return ticks(t) >> bit }

// ticks is how far a timer without a highest bit would have counted. The clock
// does not go back behind 0.
func ticks(t time.Duration) uint64 {
	high, low := bits.Mul64(uint64(max(t, 0)), timerHz)
	// high is below time.Second: t is below 2^63 and timerHz below 2^22.
	n, _ := bits.Div64(high, low, uint64(time.Second))
	return n
}
