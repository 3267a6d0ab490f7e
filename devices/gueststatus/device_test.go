package gueststatus

import (
	"testing"

	"github.com/hullvm/hull/devices"
	"github.com/hullvm/hull/devices/devicestest"
)

func TestConforms(t *testing.T) {
	devicestest.Conform(t, func(*testing.T) (devices.Device, func()) { return New(Config{}), func() {} })
}

func TestReportedMayComeBackToTheDevice(t *testing.T) {
	var s *Status
	reports := 0
	s = New(Config{Reported: func(uint32) {
		reports++
		s.Regions()[0].Handler.Read(0, make([]byte, 4))
	}})
	s.Regions()[0].Handler.Write(0, make([]byte, 4))
	if reports != 1 {
		t.Errorf("reported %d times", reports)
	}
}
