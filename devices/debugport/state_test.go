package debugport

import (
	"testing"

	"github.com/hullvm/hull/devices"
	"github.com/hullvm/hull/devices/devicestest"
	"github.com/hullvm/hull/vmstate/vmstatetest"
)

func marked(t testing.TB) *Port {
	t.Helper()
	d := New(Config{})
	devicestest.Drive(t, d, Base, registers).Write("POST", 0x42)
	return d
}

func TestTheLastMarkIsKept(t *testing.T) {
	fresh := New(Config{Mark: func(v byte) { t.Errorf("told of %#x again", v) }})
	vmstatetest.Golden(t, "v1-marked", false, marked(t), fresh)
	devicestest.Drive(t, fresh, Base, registers).Expect("POST", 0x42)
}

func FuzzLoad(f *testing.F) {
	devicestest.FuzzLoad(f, func() devices.Device { return New(Config{}) }, marked(f))
}
