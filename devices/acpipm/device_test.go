package acpipm

import (
	"testing"
	"time"

	"github.com/hullvm/hull/devices"
	"github.com/hullvm/hull/devices/devicestest"
)

func TestConforms(t *testing.T) {
	devicestest.Conform(t, func(*testing.T) (devices.Device, func()) {
		d := New(Config{Line: new(devicestest.Line), Clock: devicestest.NewClock(time.Unix(0, 0))})
		return d, func() {}
	})
}

func TestCallsMayComeBackToTheDevice(t *testing.T) {
	m := newMachine(t, false)
	m.whileCall = func(d *PM) {
		d.Pause()
		d.PressPowerButton()
		d.Resume()
	}
	m.control.Write("PM1_CNT", 5<<10|cntSLPEN)
	m.reset.Write("RESET", 6)
	if m.offs != 1 || m.resets != 1 {
		t.Errorf("powered off %d times, reset %d times", m.offs, m.resets)
	}
}

func TestPausedMachineHearsOfTheButtonLater(t *testing.T) {
	m := newMachine(t, false)
	m.event.Write("PM1_EN", pm1PWRBTN)
	m.pm.Pause()
	m.pm.PressPowerButton()
	m.wantLine(false)
	m.event.Expect("PM1_STS", 0)
	m.pm.Resume()
	m.wantLine(true)
	m.event.Write("PM1_STS", pm1PWRBTN)
	m.pm.Pause()
	m.pm.Resume()
	m.wantLine(false)
}

func TestPauseHoldsTheTimerInterrupt(t *testing.T) {
	m := newMachine(t, false)
	m.event.Write("PM1_EN", pm1TMR)
	m.pm.Pause()
	if n := m.clock.Pending(); n != 0 {
		t.Errorf("%d timers run while paused", n)
	}
	m.clock.Advance(3 * time.Second)
	m.wantLine(false)
	m.pm.Resume()
	m.clock.Advance(0)
	m.wantLine(true)
}

func TestBlocksCanStandElsewhere(t *testing.T) {
	d := New(Config{Ports: Ports{PM1Event: 0x400, PM1Control: 0x404, Timer: 0x408, GPE0: 0x420, Reset: 0x64}})
	for i, base := range []uint64{0x400, 0x404, 0x408, 0x420, 0x64} {
		if got := d.Regions()[i].Base; got != base {
			t.Errorf("region %d is at %#x, want %#x", i, got, base)
		}
	}
}

func TestDefaultsCallNobody(t *testing.T) {
	d := New(Config{})
	bus := devices.NewBus("test", devices.PortLimit)
	if err := bus.Add(d.Regions()...); err != nil {
		t.Fatal(err)
	}
	bus.Write(0x604, []byte{0, (5<<10 | cntSLPEN) >> 8})
	bus.Write(0xcf9, []byte{6})
	d.PressPowerButton()
}

func BenchmarkTimerRead(b *testing.B) {
	d := New(Config{})
	bus := devices.NewBus("ports", devices.PortLimit)
	if err := bus.Add(d.Regions()...); err != nil {
		b.Fatal(err)
	}
	p := make([]byte, 4)
	b.ReportAllocs()
	for b.Loop() {
		bus.Read(0x608, p)
	}
}
