package gueststatus

import (
	"slices"
	"testing"

	"github.com/hullvm/hull/devices"
	"github.com/hullvm/hull/devices/devicestest"
	"github.com/hullvm/hull/vmstate/vmstatetest"
)

// writing is a register with a report in it and a half of another.
func writing(t testing.TB) *Status {
	t.Helper()
	s := New(Config{})
	d := devicestest.Drive(t, s, Base, registers)
	d.Bus().Write(Base, []byte{9, 0, 0, 0x80})
	d.Bus().Write(Base, []byte{3, 0})
	return s
}

func TestAReportIsToldAgainAndAHalfIsKept(t *testing.T) {
	var reports []uint32
	fresh := New(Config{Reported: func(v uint32) { reports = append(reports, v) }})
	vmstatetest.Golden(t, "v1-writing", false, writing(t), fresh)
	devicestest.Drive(t, fresh, Base, registers).Bus().Write(Base+2, []byte{0, 0})
	if want := []uint32{Signal | 9, 3}; !slices.Equal(reports, want) {
		t.Errorf("reports %#x, want %#x", reports, want)
	}
}

func TestWithoutAReportNobodyIsTold(t *testing.T) {
	vmstatetest.Golden(t, "v1-silent", false, New(Config{}), New(Config{Reported: func(v uint32) { t.Errorf("told of %#x", v) }}))
}

func FuzzLoad(f *testing.F) {
	devicestest.FuzzLoad(f, func() devices.Device { return New(Config{}) }, New(Config{}), writing(f))
}
