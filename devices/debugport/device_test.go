package debugport

import (
	"slices"
	"testing"

	"github.com/hullvm/hull/devices"
	"github.com/hullvm/hull/devices/devicestest"
)

func TestConforms(t *testing.T) {
	devicestest.Conform(t, func(*testing.T) (devices.Device, func()) { return New(Config{}), func() {} })
}

func TestMarksAreToldInOrder(t *testing.T) {
	var marks []byte
	var port *Port
	port = New(Config{Mark: func(v byte) {
		marks = append(marks, v)
		port.Regions()[0].Handler.Read(0, make([]byte, 1)) // no lock is held
	}})
	d := devicestest.Drive(t, port, Base, registers)
	d.Write("POST", 1)
	d.Bus().Write(Base, []byte{2, 0xee, 0xee, 0xee})
	d.Bus().Write(Base-1, []byte{0xee, 3})
	if want := []byte{1, 2, 3}; !slices.Equal(marks, want) {
		t.Errorf("marks are %v, want %v", marks, want)
	}
}

func TestWideReadsFloatPastThePort(t *testing.T) {
	d := devicestest.Drive(t, New(Config{}), Base, registers)
	d.Write("POST", 0x42)
	p := make([]byte, 4)
	if d.Bus().Read(Base, p); [4]byte(p) != [4]byte{0x42, 0xff, 0xff, 0xff} {
		t.Errorf("read %x", p)
	}
}
