package i8042

import (
	"testing"

	"github.com/hullvm/hull/devices"
	"github.com/hullvm/hull/devices/devicestest"
	"github.com/hullvm/hull/vmstate/vmstatetest"
)

// commanded is a controller that waits for a command's argument.
func commanded(t testing.TB) *Controller {
	t.Helper()
	d := New(Config{})
	devicestest.Drive(t, d, dataBase, registers).Write("COMMAND", cmdWriteOutputPort)
	return d
}

func TestAResetInTwoHalvesIsKept(t *testing.T) {
	resets := 0
	fresh := New(Config{Reset: func() { resets++ }})
	vmstatetest.Golden(t, "v1-commanded", false, commanded(t), fresh)
	if resets != 0 {
		t.Errorf("%d resets by the first half", resets)
	}
	devicestest.Drive(t, fresh, dataBase, registers).Write("DATA", 0xfe)
	if resets != 1 {
		t.Errorf("%d resets", resets)
	}
}

func FuzzLoad(f *testing.F) {
	devicestest.FuzzLoad(f, func() devices.Device { return New(Config{}) }, New(Config{}), commanded(f))
}
