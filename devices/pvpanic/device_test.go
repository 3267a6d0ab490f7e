package pvpanic

import (
	"testing"

	"github.com/hullvm/hull/devices"
	"github.com/hullvm/hull/devices/devicestest"
)

func TestConforms(t *testing.T) {
	devicestest.Conform(t, func(*testing.T) (devices.Device, func()) {
		nothing := func() {}
		return New(Config{Panicked: nothing, CrashLoaded: nothing, Shutdown: nothing}), nothing
	})
}

func TestCallsMayComeBackToTheDevice(t *testing.T) {
	var d *PVPanic
	calls := 0
	d = New(Config{Panicked: func() {
		calls++
		d.Regions()[0].Handler.Read(0, make([]byte, 1))
	}})
	d.Regions()[0].Handler.Write(0, []byte{Panicked})
	if calls != 1 {
		t.Errorf("called %d times", calls)
	}
}
