package debugport

import (
	"testing"

	"github.com/hullvm/hull/devices/devicestest"
)

func TestReadsGiveTheLastMark(t *testing.T) {
	d := devicestest.Drive(t, New(Config{}), Base, registers)
	d.Expect("POST", 0)
	for _, v := range []uint64{0x12, 0xff, 0} {
		d.Write("POST", v)
		d.Expect("POST", v)
	}
}
