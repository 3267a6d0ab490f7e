package acpipm

import (
	"math/big"
	"testing"
	"time"

	"github.com/hullvm/hull/devices"
	"github.com/hullvm/hull/devices/devicestest"
)

// machine is power-management hardware under test with everything around it.
type machine struct {
	event, control, timer, gpe0, reset *devicestest.Driver

	t         testing.TB
	pm        *PM
	line      *devicestest.Line
	clock     *devicestest.Clock
	offs      int
	resets    int
	bus       *devices.Bus
	whileCall func(*PM)
}

func newMachine(t testing.TB, timer32 bool) *machine {
	t.Helper()
	m := &machine{t: t, line: new(devicestest.Line), clock: devicestest.NewClock(time.Unix(1_700_000_000, 0)), whileCall: func(*PM) {}}
	m.pm = New(Config{
		Timer32: timer32, Line: m.line, Clock: m.clock,
		PowerOff: func() { m.offs++; m.whileCall(m.pm) },
		Reset:    func() { m.resets++; m.whileCall(m.pm) },
	})
	ports := DefaultPorts()
	m.event = devicestest.Drive(t, m.pm, uint64(ports.PM1Event), pm1Event.registers)
	m.control = devicestest.Drive(t, m.pm, uint64(ports.PM1Control), pm1Control.registers)
	m.timer = devicestest.Drive(t, m.pm, uint64(ports.Timer), timer.registers)
	m.gpe0 = devicestest.Drive(t, m.pm, uint64(ports.GPE0), gpe0.registers)
	m.reset = devicestest.Drive(t, m.pm, uint64(ports.Reset), reset.registers)
	m.bus = m.event.Bus()
	return m
}

func (m *machine) wantLine(level bool) {
	m.t.Helper()
	if got := m.line.Level(); got != level {
		m.t.Errorf("SCI is %v, want %v", got, level)
	}
}

func TestRegistersAfterPowerOn(t *testing.T) {
	m := newMachine(t, false)
	m.event.Expect("PM1_STS", 0)
	m.event.Expect("PM1_EN", 0)
	m.control.Expect("PM1_CNT", cntSCIEN)
	m.timer.Expect("PM_TMR", 0)
	m.gpe0.Expect("GPE0_STS", 0)
	m.gpe0.Expect("GPE0_EN", 0)
	m.reset.Expect("RESET", 0)
	m.wantLine(false)
}

func TestPowerButton(t *testing.T) {
	m := newMachine(t, false)
	m.pm.PressPowerButton()
	m.wantLine(false)
	m.event.Expect("PM1_STS", pm1PWRBTN)
	m.event.Write("PM1_EN", pm1PWRBTN)
	m.wantLine(true)
	m.event.Write("PM1_STS", 0xffff&^pm1PWRBTN)
	m.wantLine(true)
	m.event.Write("PM1_STS", pm1PWRBTN)
	m.wantLine(false)
	m.event.Expect("PM1_STS", 0)
	m.pm.PressPowerButton()
	m.wantLine(true)
	m.event.Write("PM1_EN", 0)
	m.wantLine(false)
}

func TestOnlyEventsThatExistCanBeEnabled(t *testing.T) {
	m := newMachine(t, false)
	m.event.Write("PM1_EN", 0xffff)
	m.event.Expect("PM1_EN", pm1Enables)
	m.gpe0.Write("GPE0_EN", 0xffffffff)
	m.gpe0.Expect("GPE0_EN", 0xffffffff)
	m.gpe0.Write("GPE0_STS", 0xffffffff)
	m.gpe0.Expect("GPE0_STS", 0)
	m.wantLine(false)
}

func TestStatusIsClearedByteByByte(t *testing.T) {
	m := newMachine(t, false)
	m.pm.PressPowerButton()
	m.clock.Advance(3 * time.Second)
	m.event.Expect("PM1_STS", pm1PWRBTN|pm1TMR)
	m.bus.Write(0x600, []byte{0xff})
	m.event.Expect("PM1_STS", pm1PWRBTN)
	m.bus.Write(0x601, []byte{0xff})
	m.event.Expect("PM1_STS", 0)
	m.bus.Write(0x600, []byte{0, 0, 0, 1}) // both registers at once
	m.event.Expect("PM1_EN", pm1PWRBTN)
}

func TestPM1Control(t *testing.T) {
	for _, test := range []struct {
		name       string
		write      uint64
		read, offs uint64
	}{
		{"soft off", 5<<10 | cntSLPEN | cntSCIEN, 5<<10 | cntSCIEN, 1},
		{"soft off without SCI_EN", 5<<10 | cntSLPEN, 5<<10 | cntSCIEN, 1},
		{"type alone", 5 << 10, 5<<10 | cntSCIEN, 0},
		{"no sleep", cntSLPEN, cntSCIEN, 0},
		{"suspend to RAM", 1<<10 | cntSLPEN, 1<<10 | cntSCIEN, 0},
		{"the last type", 7<<10 | cntSLPEN, 7<<10 | cntSCIEN, 0},
		{"everything", 0xffff, cntSLPTYP | cntBMRLD | cntSCIEN, 0},
		{"nothing", 0, cntSCIEN, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := newMachine(t, false)
			m.control.Write("PM1_CNT", test.write)
			m.control.Expect("PM1_CNT", test.read)
			if m.offs != int(test.offs) {
				t.Errorf("powered off %d times, want %d", m.offs, test.offs)
			}
		})
	}
}

func TestSleepByOneByte(t *testing.T) {
	m := newMachine(t, false)
	m.bus.Write(0x605, []byte{(5<<10 | cntSLPEN) >> 8})
	if m.offs != 1 {
		t.Errorf("powered off %d times", m.offs)
	}
}

func TestResetRegister(t *testing.T) {
	for _, test := range []struct {
		name   string
		writes []uint64
		resets int
		read   uint64
	}{
		{"as the FADT says", []uint64{6}, 1, 2},
		{"in two steps", []uint64{2, 6}, 1, 2},
		{"with a power cycle", []uint64{0xe}, 1, 0xa},
		{"without a system reset", []uint64{4}, 1, 0},
		{"prepared only", []uint64{2}, 0, 2},
		{"other bits", []uint64{0xf9 &^ 8}, 0, 0},
		{"twice", []uint64{6, 6}, 2, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := newMachine(t, false)
			for _, v := range test.writes {
				m.reset.Write("RESET", v)
			}
			if m.resets != test.resets {
				t.Errorf("reset %d times, want %d", m.resets, test.resets)
			}
			m.reset.Expect("RESET", test.read)
		})
	}
}

func TestPCIConfigurationAddressDoesNotReset(t *testing.T) {
	m := newMachine(t, false)
	m.bus.Write(0xcf8, []byte{0, 0xff, 0xff, 0x80})
	m.bus.Write(0xcf9, []byte{0x06, 0})
	p := make([]byte, 4)
	if m.bus.Read(0xcf8, p); [4]byte(p) != [4]byte{0xff, 0xff, 0xff, 0xff} {
		t.Errorf("read %x where nothing is", p)
	}
	if m.resets != 0 {
		t.Errorf("reset %d times", m.resets)
	}
}

// slowCount is the timer by exact arithmetic.
func slowCount(d time.Duration, bits uint) uint64 {
	n := new(big.Int).Mul(big.NewInt(int64(d)), big.NewInt(timerHz))
	n.Div(n, big.NewInt(int64(time.Second)))
	n.And(n, new(big.Int).SetUint64(1<<bits-1))
	return n.Uint64()
}

func TestTimerCounts(t *testing.T) {
	for width, timer32 := range map[uint]bool{24: false, 32: true} {
		for _, d := range []time.Duration{
			0, 279, 280, time.Microsecond, time.Second, 4*time.Second + 686*time.Millisecond, 20 * time.Minute,
			100 * 365 * 24 * time.Hour,
		} {
			m := newMachine(t, timer32)
			m.clock.Advance(d)
			m.timer.Expect("PM_TMR", slowCount(d, width))
		}
	}
	m := newMachine(t, false)
	m.clock.Advance(time.Second)
	m.timer.Expect("PM_TMR", timerHz)
	m.bus.Write(0x608, []byte{1, 2, 3, 4}) // it cannot be written
	m.timer.Expect("PM_TMR", timerHz)
}

func TestTimerInterrupt(t *testing.T) {
	for bit, timer32 := range map[int]bool{23: false, 31: true} {
		m := newMachine(t, timer32)
		m.event.Write("PM1_EN", pm1TMR)
		half := time.Duration(float64(uint64(1)<<bit) / timerHz * float64(time.Second))
		m.clock.Advance(half - time.Millisecond)
		m.wantLine(false)
		m.clock.Advance(2 * time.Millisecond)
		m.wantLine(true)
		if n := m.clock.Pending(); n != 0 {
			t.Errorf("%d timers wait although the guest has not answered", n)
		}
		m.event.Write("PM1_STS", pm1TMR)
		m.wantLine(false)
		m.clock.Advance(half - 2*time.Millisecond)
		m.wantLine(false)
		m.clock.Advance(2 * time.Millisecond)
		m.wantLine(true)
	}
}

func TestTimerThatNobodyWaitsForArmsNothing(t *testing.T) {
	m := newMachine(t, false)
	m.clock.Advance(time.Minute)
	m.event.Expect("PM1_STS", pm1TMR)
	if n := m.clock.Armed(); n != 0 {
		t.Errorf("%d timers were armed", n)
	}
}

func TestGeneralPurposeEvents(t *testing.T) {
	m := newMachine(t, false)
	m.pm.RaiseGPE(0)
	m.pm.RaiseGPE(31)
	m.wantLine(false)
	m.gpe0.Expect("GPE0_STS", 1<<31|1)
	m.gpe0.Write("GPE0_EN", 1)
	m.wantLine(true)
	m.gpe0.Write("GPE0_STS", 1<<31)
	m.wantLine(true)
	m.bus.Write(0x620, []byte{1}) // by bytes, as Linux does
	m.wantLine(false)
	m.pm.RaiseGPE(31)
	m.wantLine(false)
	m.bus.Write(0x627, []byte{0x80})
	m.wantLine(true)
	m.pm.RaiseGPE(32) // there is none
	m.gpe0.Expect("GPE0_STS", 1<<31)
}

// One line for both kinds of event: it stays high while either wants it.
func TestSCIIsSharedByBothKindsOfEvent(t *testing.T) {
	m := newMachine(t, false)
	m.event.Write("PM1_EN", pm1PWRBTN)
	m.gpe0.Write("GPE0_EN", 1<<5)
	m.pm.PressPowerButton()
	m.pm.RaiseGPE(5)
	m.event.Write("PM1_STS", pm1PWRBTN)
	m.wantLine(true)
	m.gpe0.Write("GPE0_STS", 1<<5)
	m.wantLine(false)
	if n := m.line.Rises(); n != 1 {
		t.Errorf("%d edges, want 1", n)
	}
}
