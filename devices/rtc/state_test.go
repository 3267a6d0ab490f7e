package rtc

import (
	"errors"
	"testing"
	"time"

	"github.com/hullvm/hull/devices"
	"github.com/hullvm/hull/devices/devicestest"
	"github.com/hullvm/hull/vmstate"
	"github.com/hullvm/hull/vmstate/vmstatetest"
)

// kept is a clock that its guest has set ahead by a day and two hours, with an
// alarm at 20:00 guest time, an interrupt pending, and bytes in its memory.
func kept(t testing.TB) *clockTest {
	t.Helper()
	c := newTest(t, sunday)
	c.set(regHours, 0x19)
	c.set(regDay, 0x30)
	c.set(regWeekday, 0x05)
	c.set(regHoursAlarm, 0x20)
	c.set(regMinutesAlarm, 0)
	c.set(regSecondsAlarm, 0)
	c.set(0x77, 0x99)
	c.set(cmosExtended, 0x11)
	c.set(regB, b24|bAIE|bUIE)
	c.clock.Advance(1500 * time.Millisecond)
	c.rtc.Pause()
	return c
}

func TestClockIsKept(t *testing.T) {
	c := kept(t)
	c.Write("INDEX", 0x77)
	fresh := newTest(t, sunday.Add(1500*time.Millisecond))
	vmstatetest.Golden(t, "v1-set", false, c.rtc, fresh.rtc)
	fresh.wantLine(true)
	if n, r := fresh.line.Rises(), fresh.line.Restored(); n != 0 || r != 1 {
		t.Errorf("%d edges and %d restores, want none and 1", n, r)
	}
	if got := fresh.Read("DATA"); got != 0x99 { // INDEX is kept too
		t.Errorf("DATA is %#x", got)
	}
	fresh.want(map[uint64]uint64{
		cmosExtended: 0x11, regHoursAlarm: 0x20,
		regSeconds: 0x31, regMinutes: 0x45, regHours: 0x19, regDay: 0x30, regWeekday: 0x05,
		regB: b24 | bAIE | bUIE,
	})
	if n := fresh.clock.Pending(); n != 0 {
		t.Errorf("%d timers run before it is resumed", n)
	}
}

// What the guest sees after a month is the host's time and the offset, and one
// interrupt for all that it has missed.
func TestAMonthInAFile(t *testing.T) {
	state := vmstatetest.Bytes(t, kept(t).rtc)
	fresh := newTest(t, sunday.AddDate(0, 1, 0).Add(time.Hour))
	if err := vmstatetest.Load(fresh.rtc, state); err != nil {
		t.Fatal(err)
	}
	fresh.rtc.Resume()
	fresh.want(map[uint64]uint64{regHours: 0x20, regMinutes: 0x45, regDay: 0x30, regMonth: 0x04})
	fresh.want(map[uint64]uint64{regC: cIRQF | cPF | cAF | cUF})
	fresh.wantLine(false)
	fresh.clock.Advance(time.Second)
	fresh.wantLine(true)
}

// A host whose clock is behind the one the state is from sets off nothing.
func TestAHostThatIsBehind(t *testing.T) {
	c := newTest(t, sunday)
	c.set(regB, b24|bUIE)
	c.rtc.Pause()
	state := vmstatetest.Bytes(t, c.rtc)
	fresh := newTest(t, sunday.Add(-time.Hour))
	if err := vmstatetest.Load(fresh.rtc, state); err != nil {
		t.Fatal(err)
	}
	fresh.rtc.Resume()
	fresh.wantLine(false)
	fresh.want(map[uint64]uint64{regHours: 0x16})
	fresh.clock.Advance(time.Second)
	fresh.wantLine(true)
}

func TestTimeThatStandsStillIsKept(t *testing.T) {
	c := newTest(t, sunday)
	c.set(regB, b24|bSET)
	c.set(regMinutes, 0x07)
	c.rtc.Pause()
	fresh := newTest(t, sunday)
	vmstatetest.RoundTrip(t, c.rtc, fresh.rtc)
	fresh.rtc.Resume()
	fresh.clock.Advance(time.Minute)
	fresh.want(map[uint64]uint64{regSeconds: 0x30, regMinutes: 0x07, regHours: 0x17})
	fresh.set(regB, b24)
	fresh.clock.Advance(time.Minute)
	fresh.want(map[uint64]uint64{regMinutes: 0x08})
}

func TestStatesOfNoClockAreRefused(t *testing.T) {
	for name, change := range map[string]func(*state){
		"index":            func(s *state) { s.INDEX = 0x80 },
		"A":                func(s *state) { s.A |= aUIP },
		"B":                func(s *state) { s.B = bSET | bUIE },
		"C":                func(s *state) { s.C = 1 },
		"little memory":    func(s *state) { s.RAM = s.RAM[1:] },
		"much memory":      func(s *state) { s.RAM = make([]byte, registerCount+1) },
		"no time":          func(s *state) { s.Stopped = nil },
		"weekday":          func(s *state) { s.Shift = 7 },
		"a far offset":     func(s *state) { s.OffsetSec = maxSeconds + 1 },
		"a far past":       func(s *state) { s.SeenSec = -maxSeconds - 1 },
		"nanoseconds":      func(s *state) { s.OffsetNs = 1e9 },
		"less nanoseconds": func(s *state) { s.SeenNs = -1 },
	} {
		s := state{A: aDefault, B: b24, RAM: make([]byte, registerCount), Stopped: make([]byte, readingSize)}
		change(&s)
		saved := vmstate.New()
		if err := saved.Out("rtc").Put(stateVersion, s); err != nil {
			t.Fatal(err)
		}
		c := newTest(t, sunday)
		before := vmstatetest.Bytes(t, c.rtc)
		if err := c.rtc.Load(saved.In("rtc")); !errors.Is(err, vmstate.ErrBadState) {
			t.Errorf("%s: error %v, want ErrBadState", name, err)
		}
		if string(before) != string(vmstatetest.Bytes(t, c.rtc)) || c.line.Restored() != 0 {
			t.Errorf("%s: it was refused and has changed something", name)
		}
	}
}

func FuzzLoad(f *testing.F) {
	fresh := func() devices.Device { return New(Config{Clock: devicestest.NewClock(sunday)}) }
	devicestest.FuzzLoad(f, fresh, fresh(), kept(f).rtc)
}
