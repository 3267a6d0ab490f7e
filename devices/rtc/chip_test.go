package rtc

import (
	"testing"
	"time"

	"github.com/hullvm/hull/devices/devicestest"
)

// clockTest is an RTC under test with everything around it.
type clockTest struct {
	*devicestest.Driver
	t     testing.TB
	rtc   *RTC
	line  *devicestest.Line
	clock *devicestest.Clock
}

// A Sunday afternoon, at the start of a second.
var sunday = time.Date(2026, time.March, 29, 17, 45, 30, 0, time.UTC)

func newTest(t testing.TB, now time.Time) *clockTest {
	t.Helper()
	c := &clockTest{t: t, line: new(devicestest.Line), clock: devicestest.NewClock(now)}
	c.rtc = New(Config{Line: c.line, Clock: c.clock, MemoryBelow4G: 3 << 30, MemoryAbove4G: 5 << 30})
	c.Driver = devicestest.Drive(t, c.rtc, Base, ports)
	return c
}

func (c *clockTest) get(reg uint64) uint64 {
	c.t.Helper()
	c.Write("INDEX", reg)
	return c.Read("DATA")
}

func (c *clockTest) set(reg, v uint64) {
	c.t.Helper()
	c.Write("INDEX", reg)
	c.Write("DATA", v)
}

func (c *clockTest) want(values map[uint64]uint64) {
	c.t.Helper()
	for reg, want := range values {
		if got := c.get(reg); got != want {
			c.t.Errorf("register %#x is %#x, want %#x", reg, got, want)
		}
	}
}

func (c *clockTest) wantLine(level bool) {
	c.t.Helper()
	if got := c.line.Level(); got != level {
		c.t.Errorf("line is %v, want %v", got, level)
	}
}

func TestTimeInEveryMode(t *testing.T) {
	for _, test := range []struct {
		name string
		b    uint64
		want map[uint64]uint64
	}{
		{"BCD, 24 hours", b24, map[uint64]uint64{
			regSeconds: 0x30, regMinutes: 0x45, regHours: 0x17, regWeekday: 1,
			regDay: 0x29, regMonth: 0x03, regYear: 0x26, regCentury: 0x20,
		}},
		{"BCD, 12 hours", 0, map[uint64]uint64{regHours: 0x85, regMinutes: 0x45}},
		{"binary, 24 hours", bDM | b24, map[uint64]uint64{
			regSeconds: 30, regMinutes: 45, regHours: 17, regDay: 29, regMonth: 3, regYear: 26, regCentury: 20,
		}},
		{"binary, 12 hours", bDM, map[uint64]uint64{regHours: 0x85}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newTest(t, sunday)
			c.set(regB, test.b)
			c.want(test.want)
		})
	}
}

func TestTimeRuns(t *testing.T) {
	c := newTest(t, time.Date(2026, time.December, 31, 23, 59, 59, 0, time.UTC))
	c.clock.Advance(time.Second)
	c.want(map[uint64]uint64{
		regSeconds: 0, regMinutes: 0, regHours: 0, regWeekday: 6, regDay: 1, regMonth: 1, regYear: 0x27, regCentury: 0x20,
	})
}

// What Linux does: mc146818_set_time.
func TestSettingTheTime(t *testing.T) {
	c := newTest(t, sunday)
	c.set(regB, b24|bSET)
	c.set(regA, 0x76)
	for reg, v := range map[uint64]uint64{
		regYear: 0x99, regMonth: 0x12, regDay: 0x31, regHours: 0x23, regMinutes: 0x59, regSeconds: 0x58, regCentury: 0x19, regWeekday: 6,
	} {
		c.set(reg, v)
		c.want(map[uint64]uint64{reg: v})
	}
	c.clock.Advance(time.Hour) // nothing moves
	c.want(map[uint64]uint64{regSeconds: 0x58, regHours: 0x23})
	c.set(regB, b24)
	c.set(regA, 0x26)
	c.clock.Advance(500*time.Millisecond - 1)
	c.want(map[uint64]uint64{regSeconds: 0x58})
	c.clock.Advance(1) // half a second after the divider started
	c.want(map[uint64]uint64{regSeconds: 0x59})
	c.clock.Advance(time.Second)
	c.want(map[uint64]uint64{
		regSeconds: 0, regMinutes: 0, regHours: 0, regDay: 1, regMonth: 1, regYear: 0, regCentury: 0x20, regWeekday: 7,
	})
}

func TestSettingOneRegisterWhileTheTimeRuns(t *testing.T) {
	c := newTest(t, sunday.Add(300*time.Millisecond))
	c.set(regHours, 0x03)
	c.want(map[uint64]uint64{regHours: 0x03, regMinutes: 0x45, regSeconds: 0x30, regDay: 0x29})
	c.set(regWeekday, 4) // need not be the date's
	c.clock.Advance(24*time.Hour + 700*time.Millisecond)
	c.want(map[uint64]uint64{regHours: 0x03, regSeconds: 0x31, regDay: 0x30, regWeekday: 5})
}

func TestNonsenseTimesAreTaken(t *testing.T) {
	for _, b := range []uint64{0, bDM, b24, bDM | b24} {
		for _, v := range []uint64{0, 0x7f, 0x9a, 0xff} {
			c := newTest(t, sunday)
			c.set(regB, b|bSET)
			for _, reg := range []uint64{regSeconds, regMinutes, regHours, regWeekday, regDay, regMonth, regYear, regCentury} {
				c.set(reg, v)
				c.want(map[uint64]uint64{reg: v})
			}
			c.set(regB, b)
			c.clock.Advance(time.Minute)
			if s := c.get(regWeekday); s < 1 || s > 7 {
				t.Errorf("mode %#x, bytes %#x: weekday is %d", b, v, s)
			}
		}
	}
}

func TestUpdateInProgress(t *testing.T) {
	c := newTest(t, sunday)
	c.want(map[uint64]uint64{regA: 0x26})
	c.clock.Advance(time.Second - 244*time.Microsecond - 1)
	c.want(map[uint64]uint64{regA: 0x26})
	c.clock.Advance(1)
	c.want(map[uint64]uint64{regA: 0xa6})
	c.set(regB, b24|bSET)
	c.want(map[uint64]uint64{regA: 0x26})
	c.set(regB, b24)
	c.clock.Advance(244 * time.Microsecond)
	c.want(map[uint64]uint64{regA: 0x26})
}

func TestUpdateInterrupt(t *testing.T) {
	c := newTest(t, sunday)
	c.set(regB, b24|bUIE)
	c.clock.Advance(time.Second - 1)
	c.wantLine(false)
	c.clock.Advance(1)
	c.wantLine(true)
	n := c.clock.Armed()
	c.clock.Advance(time.Minute)
	if c.clock.Armed() != n {
		t.Error("a timer was armed although the guest has not read register C")
	}
	if got := c.get(regC); got&(cIRQF|cUF) != cIRQF|cUF {
		t.Errorf("C is %#x", got)
	}
	c.wantLine(false)
	c.want(map[uint64]uint64{regC: 0})
	c.clock.Advance(time.Second)
	c.wantLine(true)
}

func TestPeriodicInterruptRates(t *testing.T) {
	for rate, period := range map[uint64]time.Duration{
		1: 3906250, 2: 7812500, 3: 122070, 6: 976562, 8: 3906250, 15: 500 * time.Millisecond,
	} {
		c := newTest(t, sunday)
		c.set(regA, 0x20|rate)
		c.set(regB, b24|bPIE)
		c.clock.Advance(period - 1)
		c.wantLine(false)
		c.clock.Advance(2) // the period is rounded down above
		c.wantLine(true)
		ticks := 0
		end := c.clock.Now().Add(time.Second)
		for c.clock.Now().Before(end) {
			if c.line.Level() {
				c.get(regC)
				ticks++
			}
			c.clock.Advance(period / 2)
		}
		if want := int(time.Second / period); ticks < want-1 || ticks > want+1 {
			t.Errorf("rate %d ticked %d times in a second, want %d", rate, ticks, want)
		}
	}
	c := newTest(t, sunday)
	c.set(regA, 0x20)
	c.set(regB, b24|bPIE)
	c.clock.Advance(time.Hour)
	c.wantLine(false)
	if c.clock.Armed() != 0 {
		t.Error("rate 0 armed a timer")
	}
}

func TestAlarm(t *testing.T) {
	for _, test := range []struct {
		name       string
		b          uint64
		h, m, s    uint64
		after      time.Duration // 0: never
		everySoOft time.Duration
	}{
		{"later today", b24, 0x18, 0x00, 0x00, 14*time.Minute + 30*time.Second, 24 * time.Hour},
		{"tomorrow", b24, 0x17, 0x45, 0x30, 24 * time.Hour, 24 * time.Hour},
		{"each hour", b24, 0xff, 0x45, 0x31, time.Second, time.Hour},
		{"each minute", b24, 0xc0, 0xc0, 0x29, 59 * time.Second, time.Minute},
		{"each second", b24, 0xff, 0xff, 0xff, time.Second, time.Second},
		{"in the afternoon", 0, 0x86, 0x00, 0x00, 14*time.Minute + 30*time.Second, 24 * time.Hour},
		{"in binary", bDM | b24, 18, 0, 0, 14*time.Minute + 30*time.Second, 24 * time.Hour},
		{"at a time that is none", b24, 0x17, 0x45, 0x60, 0, 0},
		{"in the other mode's form", b24, 0xff, 0xff, 0x3a, 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newTest(t, sunday)
			c.set(regB, test.b|bAIE)
			c.get(regC)
			c.set(regHoursAlarm, test.h)
			c.set(regMinutesAlarm, test.m)
			c.set(regSecondsAlarm, test.s)
			if test.after == 0 {
				c.clock.Advance(48 * time.Hour)
				c.wantLine(false)
				if n := c.clock.Pending(); n != 0 {
					t.Errorf("%d timers wait", n)
				}
				return
			}
			for _, wait := range []time.Duration{test.after, test.everySoOft} {
				c.clock.Advance(wait - 1)
				c.wantLine(false)
				c.clock.Advance(1)
				c.wantLine(true)
				if got := c.get(regC); got&cAF == 0 {
					t.Errorf("C is %#x", got)
				}
			}
		})
	}
}

func TestFlagsAreSetWithoutTheirInterrupts(t *testing.T) {
	c := newTest(t, sunday)
	c.set(regHoursAlarm, 0xff)
	c.set(regMinutesAlarm, 0xff)
	c.set(regSecondsAlarm, 0x32)
	c.clock.Advance(2 * time.Second)
	c.want(map[uint64]uint64{regC: cPF | cAF | cUF})
	c.want(map[uint64]uint64{regC: 0})
	c.wantLine(false)
	if c.clock.Armed() != 0 {
		t.Error("a timer was armed for nobody")
	}
}

func TestEnablingAnInterruptWhoseFlagIsSetRaisesIt(t *testing.T) {
	c := newTest(t, sunday)
	c.clock.Advance(time.Second)
	c.set(regB, b24|bUIE)
	c.wantLine(true)
	c.set(regB, b24)
	c.wantLine(false)
}

func TestSETClearsTheUpdateInterrupt(t *testing.T) {
	c := newTest(t, sunday)
	c.set(regB, b24|bSET|bUIE|bAIE)
	c.want(map[uint64]uint64{regB: b24 | bSET | bAIE})
}

func TestStoppedDividerStopsEverything(t *testing.T) {
	c := newTest(t, sunday)
	c.set(regB, b24|bPIE|bUIE)
	c.set(regA, 0x66)
	c.get(regC)
	c.clock.Advance(time.Hour)
	c.wantLine(false)
	c.want(map[uint64]uint64{regC: 0, regSeconds: 0x30, regMinutes: 0x45})
}

func TestCMOSMemory(t *testing.T) {
	c := newTest(t, sunday)
	c.want(map[uint64]uint64{
		0x15: 0x80, 0x16: 0x02, // 640 KiB
		0x17: 0xff, 0x18: 0xff, 0x30: 0xff, 0x31: 0xff,
		0x34: 0x00, 0x35: 0xbf, // (3 GiB - 16 MiB) / 64 KiB
		0x5b: 0x00, 0x5c: 0x40, 0x5d: 0x01, // 5 GiB / 64 KiB
		regD: 0x80,
	})
	c.set(0x40, 0x5a)
	c.set(0xc0, 0xa5) // bit 7 masks the NMI and is no part of the index
	c.want(map[uint64]uint64{0x40: 0xa5})
	c.set(regC, 0xff)
	c.set(regD, 0)
	c.want(map[uint64]uint64{regC: 0, regD: 0x80})
	sum := uint64(0)
	for reg := uint64(0x10); reg <= 0x2d; reg++ {
		sum += c.get(reg)
	}
	c.want(map[uint64]uint64{0x2e: sum >> 8, 0x2f: sum & 0xff})
}

func TestCMOSMemorySizesAreCapped(t *testing.T) {
	for _, test := range []struct {
		below, above uint64
		want         map[uint64]uint64
	}{
		{0, 0, map[uint64]uint64{0x15: 0, 0x16: 0, 0x17: 0, 0x34: 0, 0x5b: 0, 0x5d: 0}},
		{512 << 10, 0, map[uint64]uint64{0x15: 0, 0x16: 2, 0x17: 0, 0x18: 0}},
		{2 << 20, 0, map[uint64]uint64{0x15: 0x80, 0x16: 2, 0x17: 0, 0x18: 4, 0x34: 0, 0x35: 0}},
		{1 << 60, 1 << 60, map[uint64]uint64{0x17: 0xff, 0x18: 0xff, 0x34: 0xff, 0x35: 0xff, 0x5b: 0xff, 0x5c: 0xff, 0x5d: 0xff}},
	} {
		c := newTest(t, sunday)
		c.rtc.chip = newChip(sunday, test.below, test.above)
		c.want(test.want)
	}
}
