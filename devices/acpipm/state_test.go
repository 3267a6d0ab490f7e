package acpipm

import (
	"errors"
	"testing"
	"time"

	"github.com/hullvm/hull/devices"
	"github.com/hullvm/hull/devices/devicestest"
	"github.com/hullvm/hull/vmstate"
	"github.com/hullvm/hull/vmstate/vmstatetest"
)

// busy is hardware with events that are pending, enabled, and held by the pause.
func busy(t testing.TB) *machine {
	t.Helper()
	m := newMachine(t, false)
	m.event.Write("PM1_EN", pm1PWRBTN|pm1TMR)
	m.gpe0.Write("GPE0_EN", 1<<3)
	m.control.Write("PM1_CNT", 5<<slpTypShift|cntBMRLD)
	m.reset.Write("RESET", rstSYS)
	m.pm.RaiseGPE(3)
	m.pm.RaiseGPE(4)
	m.clock.Advance(time.Second)
	m.timer.Read("PM_TMR")
	m.pm.Pause()
	m.pm.PressPowerButton()
	m.pm.RaiseGPE(31)
	return m
}

func TestEventsOutliveTheMachine(t *testing.T) {
	fresh := newMachine(t, false)
	vmstatetest.Golden(t, "v1-busy", false, busy(t).pm, fresh.pm)
	fresh.wantLine(true)
	if n, r := fresh.line.Rises(), fresh.line.Restored(); n != 0 || r != 1 {
		t.Errorf("%d edges of the SCI and %d restores, want none and 1", n, r)
	}
	fresh.event.Expect("PM1_STS", 0)
	fresh.gpe0.Expect("GPE0_STS", 1<<3|1<<4)
	fresh.control.Expect("PM1_CNT", 5<<slpTypShift|cntBMRLD|cntSCIEN)
	fresh.reset.Expect("RESET", rstSYS)
	fresh.pm.Resume()
	fresh.event.Expect("PM1_STS", pm1PWRBTN)
	fresh.gpe0.Expect("GPE0_STS", 1<<3|1<<4|1<<31)
	if fresh.offs+fresh.resets != 0 {
		t.Error("the machine was powered off or reset")
	}
}

func TestTimerGoesOnFromWhereItWas(t *testing.T) {
	m := newMachine(t, false)
	m.event.Write("PM1_EN", pm1TMR)
	m.clock.Advance(2 * time.Second)
	m.pm.Pause()
	at := m.timer.Read("PM_TMR")
	state := vmstatetest.Bytes(t, m.pm)

	fresh := newMachine(t, false)
	fresh.clock.Advance(time.Hour) // the host's clock is elsewhere
	if err := vmstatetest.Load(fresh.pm, state); err != nil {
		t.Fatal(err)
	}
	fresh.timer.Expect("PM_TMR", at)
	if n := fresh.clock.Pending(); n != 0 {
		t.Errorf("%d timers run before it is resumed", n)
	}
	fresh.pm.Resume()
	fresh.clock.Advance(time.Second / 4)
	fresh.timer.Expect("PM_TMR", slowCount(2*time.Second+time.Second/4, 24))
	fresh.wantLine(false)
	fresh.clock.Advance(time.Second / 4) // past 2.34 s, where the highest bit changes
	fresh.wantLine(true)
	fresh.event.Expect("PM1_STS", pm1TMR)
}

func TestStatesOfNoHardwareAreRefused(t *testing.T) {
	for name, change := range map[string]func(*state){
		"status":             func(s *state) { s.PM1STS = pm1RTC },
		"enable":             func(s *state) { s.PM1EN = 1 << 1 },
		"control":            func(s *state) { s.PM1CNT = cntSCIEN | cntSLPEN },
		"no ACPI mode":       func(s *state) { s.PM1CNT = 0 },
		"reset":              func(s *state) { s.RESET = rstCPU },
		"a time before 0":    func(s *state) { s.Seen = -1 },
		"a time to come":     func(s *state) { s.Seen = s.Elapsed + 1 },
		"more than its life": func(s *state) { s.Elapsed = maxElapsed + 1 },
	} {
		s := state{PM1CNT: cntSCIEN, Elapsed: 5}
		change(&s)
		saved := vmstate.New()
		if err := saved.Out("pm").Put(stateVersion, s); err != nil {
			t.Fatal(err)
		}
		m := newMachine(t, false)
		before := vmstatetest.Bytes(t, m.pm)
		if err := m.pm.Load(saved.In("pm")); !errors.Is(err, vmstate.ErrBadState) {
			t.Errorf("%s: error %v, want ErrBadState", name, err)
		}
		if string(before) != string(vmstatetest.Bytes(t, m.pm)) || m.line.Restored() != 0 {
			t.Errorf("%s: it was refused and has changed something", name)
		}
	}
}

func FuzzLoad(f *testing.F) {
	fresh := func() devices.Device { return New(Config{Clock: devicestest.NewClock(time.Unix(0, 0))}) }
	devicestest.FuzzLoad(f, fresh, fresh(), busy(f).pm)
}
