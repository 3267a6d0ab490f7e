package uart

import (
	"testing"
	"time"

	"github.com/hullvm/hull/devices/devicestest"
)

// port is a UART under test with everything around it.
type port struct {
	*devicestest.Driver
	t     testing.TB
	uart  *UART
	line  *devicestest.Line
	clock *devicestest.Clock
	out   *sink
}

const base = 0x3f8

func newPort(t testing.TB) *port {
	t.Helper()
	devicestest.CheckGoroutines(t)
	p := &port{
		t:     t,
		line:  new(devicestest.Line),
		clock: devicestest.NewClock(time.Unix(1_700_000_000, 0)),
		out:   new(sink),
	}
	p.uart = New(Config{Name: "COM1", Base: base, Line: p.line, Output: p.out, Clock: p.clock})
	t.Cleanup(func() {
		if err := p.uart.Close(); err != nil {
			t.Error(err)
		}
	})
	p.Driver = devicestest.Drive(t, p.uart, base, registers)
	return p
}

// start sets the port up as a driver does: 115200 baud, FIFOs on with the
// given trigger, ready, interrupt let out.
func (p *port) start(trigger, ier uint64) {
	p.t.Helper()
	p.Write("LCR", lcrDLAB|3)
	p.Write("DLL", 1)
	p.Write("DLM", 0)
	p.Write("LCR", 3)
	p.Write("FCR", fcrEnable|fcrResetRCVR|fcrResetXMIT|trigger<<6)
	p.Write("MCR", mcrDTR|mcrRTS|mcrOUT2)
	p.Write("IER", ier)
}

// input gives the UART what it takes at once, without a goroutine.
func (p *port) input(s string) {
	p.t.Helper()
	p.uart.mu.Lock()
	defer p.uart.mu.Unlock()
	p.uart.input = []byte(s)
	p.uart.settleLocked()
	if len(p.uart.input) > 0 {
		p.t.Fatalf("%q of %q was not taken", p.uart.input, s)
	}
	p.uart.input = nil
}

func (p *port) wantLine(level bool) {
	p.t.Helper()
	if got := p.line.Level(); got != level {
		p.t.Errorf("line is %v, want %v", got, level)
	}
}

func TestRegistersAfterPowerOn(t *testing.T) {
	p := newPort(t)
	p.Expect("IER", 0)
	p.Expect("IIR", iirNone)
	p.Expect("LCR", 0)
	p.Expect("MCR", 0)
	p.Expect("LSR", lsrTHRE|lsrTEMT)
	p.Expect("MSR", msrCTS|msrDSR|msrDCD)
	p.Expect("SCR", 0)
	p.wantLine(false)
}

func TestRegistersKeepTheBitsTheyHave(t *testing.T) {
	p := newPort(t)
	for name, mask := range map[string]uint64{"IER": 0x0f, "LCR": 0xff, "MCR": 0x1f, "SCR": 0xff} {
		// The last value is 0: DLAB set in LCR would hide IER.
		for _, v := range []uint64{0xff, 0x55, 0xaa, 0} {
			p.Write(name, v)
			p.Expect(name, v&mask)
		}
	}
}

func TestDivisorLatchHidesBehindDLAB(t *testing.T) {
	p := newPort(t)
	p.Write("IER", ierEDSSI)
	p.Write("LCR", lcrDLAB)
	p.Write("DLL", 0x34)
	p.Write("DLM", 0x12)
	p.Expect("DLL", 0x34)
	p.Expect("DLM", 0x12)
	p.Write("LCR", 0)
	p.Expect("IER", ierEDSSI)
	p.Expect("RBR", 0)
	if p.out.Len() != 0 {
		t.Errorf("the divisor was sent: %q", p.out)
	}
}

// What Linux's 8250 driver does to find out what it has, and must find a
// 16550A without further features.
func TestLinuxRecognisesA16550A(t *testing.T) {
	p := newPort(t)
	p.Write("IER", 0)
	p.Expect("IER", 0)
	p.Write("IER", 0x0f)
	if p.Read("IER")&0x0f != 0x0f {
		t.Error("no IER")
	}
	p.Write("IER", 0)
	p.Write("MCR", mcrLOOP|mcrOUT2|mcrRTS)
	if got := p.Read("MSR") & 0xf0; got != msrDCD|msrCTS {
		t.Errorf("loopback gave %#x", got)
	}
	p.Write("MCR", 0)
	p.Write("LCR", 0xbf) // an enhanced feature register would read as 0
	p.Write("LCR", 0)
	p.Write("FCR", fcrEnable)
	if got := p.Read("IIR") >> 6; got != 3 {
		t.Errorf("FIFOs are %d, want 3", got)
	}
	p.Write("FCR", fcrEnable|0x20) // a TI16750 would turn 64 bytes on
	p.Expect("IIR", iirFIFOs|iirNone)
	p.Write("IER", 0x40) // an XScale would keep its unit enable
	p.Expect("IER", 0)
}

func TestTHREmptyInterrupt(t *testing.T) {
	p := newPort(t)
	p.start(0, 0)
	p.wantLine(false)
	p.Write("IER", ierETBEI)
	p.wantLine(true) // enabling it raises it
	p.Expect("IIR", iirFIFOs|iirTHREmpty)
	p.wantLine(false) // and reading who it was clears it
	p.Expect("IIR", iirFIFOs|iirNone)
	p.Write("IER", ierETBEI)
	p.wantLine(false) // it was enabled already

	p.line.Transitions()
	p.Write("THR", 'x')
	p.wantLine(true)
	p.Write("THR", 'y')
	p.wantLine(true)
	if n := p.line.Rises(); n != 2 {
		t.Errorf("two bytes raised %d edges, want 2: a handler that never reads IIR waits for them", n)
	}
	p.Expect("IIR", iirFIFOs|iirTHREmpty)
	p.Write("IER", 0)
	p.Write("IER", ierETBEI)
	p.wantLine(true)
	p.Write("IER", 0)
	p.wantLine(false)
}

func TestReadingIIRClearsTHREmptyOnlyWhereItWasShown(t *testing.T) {
	p := newPort(t)
	p.start(0, ierERBFI|ierETBEI)
	p.input("a")
	p.Expect("IIR", iirFIFOs|iirDataReady)
	p.Expect("RBR", 'a')
	p.Expect("IIR", iirFIFOs|iirTHREmpty)
	p.Expect("IIR", iirFIFOs|iirNone)
}

func TestReceiverTriggerLevels(t *testing.T) {
	for code, level := range triggerLevels {
		p := newPort(t)
		p.start(uint64(code), ierERBFI)
		for i := 1; i < level; i++ {
			p.input("a")
			p.wantLine(false)
		}
		p.input("a")
		p.wantLine(true)
		p.Expect("IIR", iirFIFOs|iirDataReady)
		p.Expect("IIR", iirFIFOs|iirDataReady) // reading it changes nothing
		p.Expect("RBR", 'a')
		p.wantLine(false)
	}
}

func TestReceiverWithoutFIFOs(t *testing.T) {
	p := newPort(t)
	p.Write("MCR", mcrRTS|mcrOUT2)
	p.Write("IER", ierERBFI)
	p.input("a")
	p.wantLine(true)
	p.Expect("IIR", iirDataReady)
	p.Expect("LSR", lsrDR|lsrTHRE|lsrTEMT)
	p.Expect("RBR", 'a')
	p.wantLine(false)
	p.Expect("LSR", lsrTHRE|lsrTEMT)
	p.Expect("RBR", 'a') // the last byte stays
}

func TestCharacterTimeout(t *testing.T) {
	p := newPort(t)
	p.start(2, ierERBFI)
	four := 4 * 10 * time.Second / baudAtOne
	p.input("ab")
	p.clock.Advance(four - 1)
	p.wantLine(false)
	p.clock.Advance(1)
	p.wantLine(true)
	p.Expect("IIR", iirFIFOs|iirTimeout)
	p.Expect("RBR", 'a')
	p.wantLine(false) // reading the receiver starts it anew
	p.clock.Advance(four)
	p.Expect("IIR", iirFIFOs|iirTimeout)
	p.Expect("RBR", 'b')
	p.clock.Advance(10 * four)
	p.wantLine(false)
	if n := p.clock.Pending(); n != 0 {
		t.Errorf("%d timers wait for nothing", n)
	}
}

func TestCharacterTimeoutFollowsTheBaudRate(t *testing.T) {
	p := newPort(t)
	p.start(3, ierERBFI)
	p.Write("LCR", lcrDLAB)
	p.Write("DLL", 12) // 9600
	p.Write("LCR", 3)
	p.input("a")
	p.clock.Advance(12*4*10*time.Second/baudAtOne - time.Microsecond)
	p.wantLine(false)
	p.clock.Advance(time.Microsecond)
	p.wantLine(true)
}

func TestCharacterTimeoutWaitsForTheInterruptToBeEnabled(t *testing.T) {
	p := newPort(t)
	p.start(3, 0)
	p.input("a")
	if n := p.clock.Armed(); n != 0 {
		t.Errorf("%d timers were armed for an interrupt that is off", n)
	}
	p.clock.Advance(time.Second)
	p.Write("IER", ierERBFI)
	p.clock.Advance(0)
	p.wantLine(true)
}

func TestOverrunKeepsTheFIFO(t *testing.T) {
	p := newPort(t)
	p.start(0, 0)
	p.Write("MCR", mcrLOOP)
	for i := range uint64(fifoSize + 3) {
		p.Write("THR", 'a'+i)
	}
	p.Expect("LSR", lsrDR|lsrOE|lsrTHRE|lsrTEMT)
	p.Expect("LSR", lsrDR|lsrTHRE|lsrTEMT) // reading cleared it
	for i := range uint64(fifoSize) {
		p.Expect("RBR", 'a'+i)
	}
	p.Expect("LSR", lsrTHRE|lsrTEMT)
}

func TestOverrunWithoutFIFOsKeepsTheLastByte(t *testing.T) {
	p := newPort(t)
	p.Write("MCR", mcrLOOP)
	p.Write("THR", 'a')
	p.Write("THR", 'b')
	p.Expect("LSR", lsrDR|lsrOE|lsrTHRE|lsrTEMT)
	p.Expect("RBR", 'b')
}

func TestLineStatusInterrupt(t *testing.T) {
	p := newPort(t)
	p.start(0, ierELSI|ierERBFI)
	p.Write("MCR", mcrLOOP|mcrOUT2)
	for range fifoSize + 1 {
		p.Write("THR", 'a')
	}
	p.wantLine(false) // loopback holds OUT2 off
	p.Expect("IIR", iirFIFOs|iirLineStatus)
	p.Write("MCR", mcrOUT2)
	p.wantLine(true)
	p.Read("LSR")
	p.Expect("IIR", iirFIFOs|iirDataReady)
}

func TestLoopbackWiresTheModemLines(t *testing.T) {
	p := newPort(t)
	for out, in := range map[uint64]uint64{
		0: 0, mcrDTR: msrDSR, mcrRTS: msrCTS, mcrOUT1: msrRI, mcrOUT2: msrDCD,
		mcrDTR | mcrRTS | mcrOUT1 | mcrOUT2: msrDSR | msrCTS | msrRI | msrDCD,
	} {
		p.Write("MCR", mcrLOOP|out)
		if got := p.Read("MSR") & 0xf0; got != in {
			t.Errorf("MCR %#x gave MSR %#x, want %#x", out, got, in)
		}
	}
	p.Write("MCR", 0)
	p.Read("MSR")
	p.Expect("MSR", msrCTS|msrDSR|msrDCD)
	if p.out.Len() != 0 {
		t.Errorf("loopback sent %q", p.out)
	}
}

func TestModemStatusTellsWhatChanged(t *testing.T) {
	p := newPort(t)
	p.start(0, ierEDSSI)
	p.Write("MCR", mcrLOOP|mcrRTS|mcrDTR|mcrOUT2)
	p.Expect("MSR", msrCTS|msrDSR|msrDCD) // just as outside
	p.Write("MCR", mcrLOOP|mcrDTR|mcrOUT2)
	p.Expect("IIR", iirFIFOs|iirModemStatus)
	p.Expect("MSR", msrDSR|msrDCD|msrDCTS)
	p.Expect("IIR", iirFIFOs|iirNone)
	p.Write("MCR", mcrLOOP|mcrOUT1|mcrDTR|mcrOUT2)
	p.Expect("MSR", msrDSR|msrDCD|msrRI) // RI coming on is no change to tell
	p.Write("MCR", mcrLOOP|mcrDTR|mcrOUT2)
	p.Expect("MSR", msrDSR|msrDCD|msrTERI)
	p.Write("MCR", mcrOUT2)
	p.wantLine(true)
	p.Expect("MSR", msrCTS|msrDSR|msrDCD|msrDCTS)
	p.wantLine(false)
}

func TestOUT2LetsTheInterruptOut(t *testing.T) {
	p := newPort(t)
	p.Write("IER", ierETBEI)
	p.wantLine(false)
	p.Write("MCR", mcrOUT2)
	p.wantLine(true)
	p.Write("MCR", 0)
	p.wantLine(false)
}

func TestFIFOControl(t *testing.T) {
	for _, test := range []struct {
		name string
		fcr  uint64
		left bool
		iir  uint64
	}{
		{"the reset bit empties", fcrEnable | fcrResetRCVR, false, iirFIFOs | iirNone},
		{"no reset bit keeps", fcrEnable | 0xc0, true, iirFIFOs | iirNone},
		{"the transmitter's reset keeps the receiver", fcrEnable | fcrResetXMIT, true, iirFIFOs | iirNone},
		{"turning them off empties", 0, false, iirNone},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newPort(t)
			p.start(0, 0)
			p.input("abc")
			p.Write("FCR", test.fcr)
			if left := p.Read("LSR")&lsrDR != 0; left != test.left {
				t.Errorf("data left: %v, want %v", left, test.left)
			}
			p.Expect("IIR", test.iir)
		})
	}
}

func TestResetBitsCountOnlyWithTheEnableBit(t *testing.T) {
	p := newPort(t)
	p.Write("MCR", mcrRTS)
	p.input("a")
	p.Write("FCR", fcrResetRCVR|0xc0)
	p.Expect("RBR", 'a')
	p.Expect("IIR", iirNone)
}

func TestGuestHearsOnlyWhenItListens(t *testing.T) {
	for _, test := range []struct {
		name          string
		mcr, fcr, ier uint64
		want          int
	}{
		{"after power-on", 0, 0, 0, 0},
		{"RTS", mcrRTS, 0, 0, 1},
		{"RTS and FIFOs", mcrRTS, fcrEnable, 0, 16},
		{"DTR and FIFOs, as before a port is opened", mcrDTR, fcrEnable, 0, 0},
		{"interrupt without FIFOs", 0, 0, ierERBFI, 0},
		{"interrupt with FIFOs", 0, fcrEnable, ierERBFI, 16},
		{"loopback", mcrLOOP | mcrRTS, fcrEnable, ierERBFI, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newChip()
			c.write(regMCR, byte(test.mcr))
			c.write(regFCR, byte(test.fcr))
			c.write(regIER, byte(test.ier))
			if got := c.wants(); got != test.want {
				t.Errorf("takes %d bytes, want %d", got, test.want)
			}
		})
	}
}
