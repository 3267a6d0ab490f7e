package i8042

import (
	"testing"

	"github.com/hullvm/hull/devices"
	"github.com/hullvm/hull/devices/devicestest"
)

func TestConforms(t *testing.T) {
	devicestest.Conform(t, func(*testing.T) (devices.Device, func()) { return New(Config{}), func() {} })
}

func TestResetMayComeBackToTheDevice(t *testing.T) {
	var d *Controller
	resets := 0
	d = New(Config{Reset: func() {
		if resets++; resets == 1 {
			d.Regions()[1].Handler.Write(0, []byte{0xfe})
		}
	}})
	d.Regions()[1].Handler.Write(0, []byte{0xfe})
	if resets != 2 {
		t.Errorf("reset %d times", resets)
	}
}

// Ports 0x61 to 0x63 are others': the timer's gate is at 0x61.
func TestPortsBetweenAreLeftAlone(t *testing.T) {
	d := devicestest.Drive(t, New(Config{}), dataBase, registers)
	p := make([]byte, 1)
	for port := uint64(0x61); port < 0x64; port++ {
		d.Bus().Read(port, p)
	}
	if n := d.Bus().Stats().UnclaimedReads; n != 3 {
		t.Errorf("%d of 3 reads found nobody", n)
	}
}
