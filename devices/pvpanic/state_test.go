package pvpanic

import (
	"errors"
	"testing"

	"github.com/hullvm/hull/devices"
	"github.com/hullvm/hull/devices/devicestest"
	"github.com/hullvm/hull/vmstate"
	"github.com/hullvm/hull/vmstate/vmstatetest"
)

func nothing() {}

func TestTheGuestSeesTheSameEventsHandled(t *testing.T) {
	fresh := New(Config{Panicked: nothing, CrashLoaded: nothing, Shutdown: nothing})
	vmstatetest.Golden(t, "v1-two-events", false, New(Config{Panicked: nothing, Shutdown: nothing}), fresh)
	devicestest.Drive(t, fresh, Base, registers).Expect("EVENTS", Panicked|Shutdown)
}

func TestEventsThatNobodyHandlesAreRefused(t *testing.T) {
	state := vmstatetest.Bytes(t, New(Config{Panicked: nothing, Shutdown: nothing}))
	fresh := New(Config{Panicked: nothing})
	if err := vmstatetest.Load(fresh, state); !errors.Is(err, vmstate.ErrBadState) {
		t.Errorf("error %v, want ErrBadState", err)
	}
	devicestest.Drive(t, fresh, Base, registers).Expect("EVENTS", Panicked)
}

func FuzzLoad(f *testing.F) {
	fresh := func() devices.Device { return New(Config{Panicked: nothing, CrashLoaded: nothing}) }
	devicestest.FuzzLoad(f, fresh, New(Config{}), New(Config{CrashLoaded: nothing}), New(Config{Shutdown: nothing}))
}
