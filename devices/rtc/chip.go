package rtc

import "time"

// chip is an MC146818. Time reaches it as the host's; it keeps what is between
// that and the guest's.
type chip struct {
	index   byte
	a, b, c byte
	ram     [registerCount]byte // all that is no register below, alarms included

	offset moment // the guest's time less the host's
	shift  int    // days by which the weekday the guest set is ahead of the date's

	// stopped is what the time registers read while SET or the divider's
	// reset keeps them from changing.
	stopped reading

	seen moment // the guest's time up to which flags are in c
}

// moment is a time in seconds since 1970 and nanoseconds from 0 to 1e9-1.
type moment struct{ sec, ns int64 }

func (m moment) add(o moment) moment {
	m.sec, m.ns = m.sec+o.sec, m.ns+o.ns
	if m.ns >= 1e9 {
		m.sec, m.ns = m.sec+1, m.ns-1e9
	}
	return m
}

func newChip(now time.Time, below4G, above4G uint64) chip {
	c := chip{a: aDefault, b: b24}
	c.seen = c.time(now)
	c.sizeMemory(below4G, above4G)
	return c
}

// time is the guest's time.
func (c *chip) time(now time.Time) moment {
	return moment{now.Unix(), int64(now.Nanosecond())}.add(c.offset)
}

func (c *chip) mode() mode { return mode(c.b & (bDM | b24)) }

// divided is whether the divider runs, without which nothing happens.
func (c *chip) divided() bool { return c.a&aStop != aStop }

// running is whether the time changes.
func (c *chip) running() bool { return c.divided() && c.b&bSET == 0 }

// read reads the register that was selected last.
func (c *chip) read(now time.Time) byte {
	c.advance(now)
	switch c.index {
	case regA:
		if c.running() && c.seen.ns >= 1e9-updateWarning {
			return c.a | aUIP
		}
		return c.a
	case regB:
		return c.b
	case regC:
		v := c.c
		if c.interrupt() {
			v |= cIRQF
		}
		c.c = 0
		return v
	case regD:
		return dVRT
	}
	r := c.reading()
	if f := r.field(c.index); f != nil {
		return *f
	}
	return c.ram[c.index]
}

// write writes the register that was selected last.
func (c *chip) write(v byte, now time.Time) {
	c.advance(now)
	switch c.index {
	case regA:
		c.control(v&^aUIP, c.b, now)
	case regB:
		if v&bSET != 0 {
			v &^= bUIE // section Register B, UIE
		}
		c.control(c.a, v, now)
	case regC, regD:
	default:
		r := c.reading()
		if f := r.field(c.index); f == nil {
			c.ram[c.index] = v
		} else if *f = v; c.running() {
			c.set(r, now)
		} else {
			c.stopped = r
		}
	}
}

// control writes registers A and B and does what follows for the time.
func (c *chip) control(a, b byte, now time.Time) {
	ran, divided, r := c.running(), c.divided(), c.reading()
	c.a, c.b = a, b
	if c.divided() && !divided {
		// The first update is half a second after the divider starts, section
		// Divider Control.
		c.offset.ns = (5e8 - int64(now.Nanosecond()) + 1e9) % 1e9
	}
	switch {
	case ran && !c.running():
		c.stopped = r
	case !ran && c.running():
		c.set(c.stopped, now)
	}
	c.seen = c.time(now)
}

// reading is the time registers at the time last seen.
func (c *chip) reading() reading {
	if !c.running() {
		return c.stopped
	}
	return c.mode().show(c.seen.sec, c.shift)
}

// set makes the time what r reads, keeping its fraction of a second.
func (c *chip) set(r reading, now time.Time) {
	second, shift := c.mode().parse(r)
	c.offset.sec += second - c.time(now).sec
	c.shift = shift
	c.seen = c.time(now)
}

// advance sets the flags of what has happened since it was last called. A
// host whose clock is set back makes nothing happen.
func (c *chip) advance(now time.Time) {
	from, to := c.seen, c.time(now)
	c.seen = to
	if to.sec < from.sec || to.sec == from.sec && to.ns <= from.ns || !c.divided() {
		return
	}
	if n := c.ticksPerSecond(); n != 0 && (from.sec != to.sec || from.ns*n/1e9 != to.ns*n/1e9) {
		c.c |= cPF
	}
	if !c.running() || from.sec == to.sec {
		return
	}
	c.c |= cUF
	if c.c&cAF == 0 {
		if at, ok := c.alarm().next(c.mode(), from.sec+1); ok && at <= to.sec {
			c.c |= cAF
		}
	}
}

// interrupt is the state of the chip's interrupt output.
func (c *chip) interrupt() bool { return c.c&c.b&cFlags != 0 }

// wait is how long after the time last seen the interrupt next changes by
// itself; ok is false where it does not.
func (c *chip) wait() (d time.Duration, ok bool) {
	earliest := func(at time.Duration) {
		if !ok || at < d {
			d, ok = at, true
		}
	}
	due := c.b &^ c.c // enabled, and its flag not yet set
	if n := c.ticksPerSecond(); due&bPIE != 0 && n != 0 && c.divided() {
		next := (c.seen.ns*n/1e9 + 1) * 1e9
		earliest(time.Duration((next+n-1)/n - c.seen.ns))
	}
	if due&bUIE != 0 && c.running() {
		earliest(time.Duration(1e9 - c.seen.ns))
	}
	if due&bAIE != 0 && c.running() {
		if at, found := c.alarm().next(c.mode(), c.seen.sec+1); found {
			earliest(time.Duration(at-c.seen.sec)*time.Second - time.Duration(c.seen.ns))
		}
	}
	return d, ok
}

func (c *chip) alarm() alarm {
	return alarm{seconds: c.ram[regSecondsAlarm], minutes: c.ram[regMinutesAlarm], hours: c.ram[regHoursAlarm]}
}

// ticksPerSecond is the rate of the periodic interrupt, 0 for none, by the
// datasheet's table Periodic Interrupt Rate for a 32768 Hz time base. The two
// shortest codes stand for slow rates.
func (c *chip) ticksPerSecond() int64 {
	switch rate := c.a & aRate; rate {
	case 0:
		return 0
	case 1, 2:
		return 32768 >> (rate + 6)
	default:
		return 32768 >> (rate - 1)
	}
}

// sizeMemory leaves in the CMOS memory what firmware would have found, in
// bytes of RAM below and above 4 GiB.
func (c *chip) sizeMemory(below4G, above4G uint64) {
	put := func(at int, width int, v uint64) {
		for i := range width {
			c.ram[at+i] = byte(v >> (8 * i))
		}
	}
	above := func(base uint64) uint64 { return below4G - min(below4G, base) }
	extended := min(above(1<<20)>>10, 0xffff)
	put(cmosBaseMemory, 2, min(below4G>>10, baseMemoryKiB))
	put(cmosExtended, 2, extended)
	put(cmosExtended2, 2, extended)
	put(cmosAbove16M, 2, min(above(firstAbove16M)>>16, 0xffff))
	put(cmosAbove4G, 3, min(above4G>>16, cmosAbove4GLimit))

	sum := uint16(0)
	for _, v := range c.ram[cmosSumFirst : cmosSumLast+1] {
		sum += uint16(v)
	}
	c.ram[cmosSum], c.ram[cmosSum+1] = byte(sum>>8), byte(sum)
}
