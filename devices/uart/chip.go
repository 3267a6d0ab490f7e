package uart

import "time"

// chip is a 16550A: its registers and FIFOs, without a lock, a clock or an
// outside. The wiring moves bytes in and out of it and looks at interrupt
// after every step.
type chip struct {
	ier, lcr, mcr, scr byte
	fcr                byte // the enable and trigger bits
	dll, dlm           byte
	lsr                byte // DR is made from rx; TEMT from THRE
	msr                byte

	rx fifo

	thrPending bool      // THRE became set and IIR has not told of it
	timedOut   bool      // the character timeout has passed
	rxMoved    bool      // rx was filled or read, and stamp not called
	rxTouched  time.Time // when that was
}

// fifo holds received bytes; without FIFOs enabled, at most one.
type fifo struct {
	bytes [fifoSize]byte
	first int
	n     int
}

func newChip() chip {
	return chip{
		dll: 1, // 115200 baud, what firmware leaves behind
		lsr: lsrTHRE,
		msr: msrCTS | msrDSR | msrDCD,
	}
}

// read reads a register.
func (c *chip) read(off uint64) byte {
	switch {
	case off == regDLL && c.lcr&lcrDLAB != 0:
		return c.dll
	case off == regDLM && c.lcr&lcrDLAB != 0:
		return c.dlm
	}
	switch off {
	case regRBR:
		return c.receiverBuffer()
	case regIER:
		return c.ier
	case regIIR:
		id := c.identify()
		if id == iirTHREmpty {
			c.thrPending = false
		}
		if c.fcr&fcrEnable != 0 {
			id |= iirFIFOs
		}
		return id
	case regLCR:
		return c.lcr
	case regMCR:
		return c.mcr
	case regLSR:
		v := c.lineStatus()
		c.lsr &^= lsrErrors
		return v
	case regMSR:
		v := c.msr
		c.msr &^= msrDeltas
		return v
	default:
		return c.scr
	}
}

// write writes a register. Where that sends a byte out it reports so, and the
// caller calls transmitted once it has seen the interrupt line without it.
func (c *chip) write(off uint64, v byte) (send bool) {
	switch {
	case off == regDLL && c.lcr&lcrDLAB != 0:
		c.dll = v
		return false
	case off == regDLM && c.lcr&lcrDLAB != 0:
		c.dlm = v
		return false
	}
	switch off {
	case regTHR:
		c.thrPending = false
		if c.mcr&mcrLOOP != 0 {
			c.push(v)
		}
		return true
	case regIER:
		v &= ierMask
		// Enabling the interrupt while THRE is set raises it, section 8.7 and
		// every driver that starts sending so.
		if (v^c.ier)&ierETBEI != 0 {
			c.thrPending = v&ierETBEI != 0 && c.lsr&lsrTHRE != 0
		}
		c.ier = v
	case regFCR:
		c.fifoControl(v)
	case regLCR:
		c.lcr = v
	case regMCR:
		c.mcr = v & mcrMask
		c.modemInputs()
	case regSCR:
		c.scr = v
	}
	return false
}

// transmitted says that what THR took is on its way. busy means there is no
// room for more until ready.
func (c *chip) transmitted(busy bool) {
	if busy {
		c.lsr &^= lsrTHRE
		return
	}
	c.ready()
}

// ready says that there is room for what the guest may send at once.
func (c *chip) ready() {
	c.lsr |= lsrTHRE
	c.thrPending = true
}

// wants is how many bytes of the outside the chip takes now. A guest is ready
// for them when it raises RTS, or has both the FIFOs and the receiver's interrupt
// enabled. DTR alone does not count: Linux raises it for its console long before
// it opens the port, and empties the FIFOs when it does.
func (c *chip) wants() int {
	listens := c.mcr&mcrRTS != 0 || c.fcr&fcrEnable != 0 && c.ier&ierERBFI != 0
	if !listens || c.mcr&mcrLOOP != 0 {
		return 0
	}
	return c.depth() - c.rx.n
}

// receive takes a byte from the outside. The caller has asked wants.
func (c *chip) receive(v byte) { c.push(v) }

// interrupt is the state of the card's interrupt output: the chip's own, let
// through by OUT2, which loopback holds off.
func (c *chip) interrupt() bool {
	return c.mcr&(mcrOUT2|mcrLOOP) == mcrOUT2 && c.identify() != iirNone
}

// identify is what IIR shows: the enabled cause of the highest priority.
func (c *chip) identify() byte {
	switch {
	case c.ier&ierELSI != 0 && c.lsr&lsrErrors != 0:
		return iirLineStatus
	case c.ier&ierERBFI != 0 && c.rx.n >= c.trigger():
		return iirDataReady
	case c.ier&ierERBFI != 0 && c.timedOut:
		return iirTimeout
	case c.ier&ierETBEI != 0 && c.thrPending:
		return iirTHREmpty
	case c.ier&ierEDSSI != 0 && c.msr&msrDeltas != 0:
		return iirModemStatus
	default:
		return iirNone
	}
}

// stamp tells the chip the time if it has started to wait for the character
// timeout anew; it is called before deadline.
func (c *chip) stamp(now func() time.Time) {
	if c.rxMoved {
		c.rxMoved, c.rxTouched = false, now()
	}
}

// deadline is when the character timeout passes, zero for never. It is asked
// for only where somebody would hear of it.
func (c *chip) deadline() time.Time {
	if c.fcr&fcrEnable == 0 || c.ier&ierERBFI == 0 || c.timedOut || c.rx.n == 0 || c.rx.n >= c.trigger() {
		return time.Time{}
	}
	return c.rxTouched.Add(c.timeout())
}

// timeout is four characters at the present baud rate. A divisor of 0 stops
// the real chip's clock; here it counts as 1.
func (c *chip) timeout() time.Duration {
	divisor := max(1, int64(c.dlm)<<8|int64(c.dll))
	return time.Duration(timeoutFor * charBits * divisor * int64(time.Second) / baudAtOne)
}

// tick raises the character timeout if it has passed.
func (c *chip) tick(now time.Time) {
	if d := c.deadline(); !d.IsZero() && !now.Before(d) {
		c.timedOut = true
	}
}

// lineStatus is LSR. The transmitter's shift register is never seen full.
func (c *chip) lineStatus() byte {
	v := c.lsr
	if c.rx.n > 0 {
		v |= lsrDR
	}
	if v&lsrTHRE != 0 {
		v |= lsrTEMT
	}
	return v
}

func (c *chip) receiverBuffer() byte {
	c.timedOut = false
	c.rxMoved = true
	if c.rx.n == 0 {
		// The byte read last is still there.
		return c.rx.before()
	}
	v := c.rx.bytes[c.rx.first]
	c.rx.first = (c.rx.first + 1) % fifoSize
	c.rx.n--
	return v
}

// before is the byte in front of the first: the one read last, if it was.
func (f *fifo) before() byte { return f.bytes[(f.first+fifoSize-1)%fifoSize] }

// push puts a byte into the receiver. On an overrun FIFO mode keeps what it
// has, section 8.4; without FIFOs the new byte replaces the old.
func (c *chip) push(v byte) {
	c.timedOut = false
	c.rxMoved = true
	if c.rx.n < c.depth() {
		c.rx.bytes[(c.rx.first+c.rx.n)%fifoSize] = v
		c.rx.n++
		return
	}
	c.lsr |= lsrOE
	if c.fcr&fcrEnable == 0 {
		c.rx.bytes[c.rx.first] = v
	}
}

func (c *chip) depth() int {
	if c.fcr&fcrEnable == 0 {
		return 1
	}
	return fifoSize
}

func (c *chip) trigger() int {
	if c.fcr&fcrEnable == 0 {
		return 1
	}
	return triggerLevels[c.fcr>>6]
}

// fifoControl writes FCR. Turning the FIFOs on or off empties them; the other
// bits count only where the enable bit is written with them. What was sent has
// left already, so that there is nothing to empty in the transmitter.
func (c *chip) fifoControl(v byte) {
	if (v^c.fcr)&fcrEnable != 0 || v&(fcrEnable|fcrResetRCVR) == fcrEnable|fcrResetRCVR {
		c.rx.n = 0
		c.timedOut = false
		c.rxMoved = true
	}
	c.fcr = 0
	if v&fcrEnable != 0 {
		c.fcr = v & (fcrEnable | fcrTrigger)
	}
}

// modemInputs makes MSR anew after MCR changed.
func (c *chip) modemInputs() {
	lines := c.modemLines()
	changed := (c.msr ^ lines) & 0xf0
	deltas := changed >> 4
	if lines&msrRI != 0 {
		deltas &^= msrTERI // only the trailing edge counts
	}
	c.msr = lines | c.msr&msrDeltas | deltas
}

// modemLines is the high half of MSR: in loopback the inputs are MCR's outputs,
// otherwise the terminal's, section 8.8.
func (c *chip) modemLines() byte {
	if c.mcr&mcrLOOP == 0 {
		return msrCTS | msrDSR | msrDCD
	}
	lines := byte(0)
	for _, wire := range [...]struct{ out, in byte }{
		{mcrRTS, msrCTS},
		{mcrDTR, msrDSR},
		{mcrOUT1, msrRI},
		{mcrOUT2, msrDCD},
	} {
		if c.mcr&wire.out != 0 {
			lines |= wire.in
		}
	}
	return lines
}
