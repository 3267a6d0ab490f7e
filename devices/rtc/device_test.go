package rtc

import (
	"testing"
	"time"

	"github.com/hullvm/hull/devices"
	"github.com/hullvm/hull/devices/devicestest"
)

func TestConforms(t *testing.T) {
	devicestest.Conform(t, func(*testing.T) (devices.Device, func()) {
		r := New(Config{Line: new(devicestest.Line), Clock: devicestest.NewClock(sunday)})
		return r, func() {}
	})
}

func TestPauseHoldsInterruptsAndResumeCatchesUp(t *testing.T) {
	c := newTest(t, sunday)
	c.set(regB, b24|bUIE)
	c.rtc.Pause()
	if n := c.clock.Pending(); n != 0 {
		t.Errorf("%d timers run while paused", n)
	}
	c.clock.Advance(time.Hour)
	c.wantLine(false)
	c.rtc.Resume()
	c.wantLine(true)
	if n := c.line.Rises(); n != 1 {
		t.Errorf("%d interrupts for one hour's pause, want 1", n)
	}
	c.want(map[uint64]uint64{regHours: 0x18})
}

func TestIndexAndDataInOneWrite(t *testing.T) {
	c := newTest(t, sunday)
	c.Bus().Write(Base, []byte{0x40, 0x77})
	c.want(map[uint64]uint64{0x40: 0x77})
}

func TestHostClockSetBackHarmsNothing(t *testing.T) {
	c := newTest(t, sunday)
	c.set(regB, b24|bUIE)
	c.clock.Advance(-time.Hour)
	c.wantLine(false)
	c.want(map[uint64]uint64{regHours: 0x16})
	c.clock.Advance(2 * time.Hour)
	c.wantLine(true)
}

func TestDefaultsAreTheHostClockAndNoLine(t *testing.T) {
	devicestest.CheckGoroutines(t)
	r := New(Config{})
	d := devicestest.Drive(t, r, Base, ports)
	d.Write("INDEX", regB)
	d.Write("DATA", b24|bPIE|bUIE|bAIE)
	d.Write("INDEX", regC)
	devicestest.Eventually(t, "a tick of the host's clock", func() bool { return d.Read("DATA")&cPF != 0 })
	r.Pause()
}
