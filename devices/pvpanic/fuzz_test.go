package pvpanic

import (
	"testing"

	"github.com/hullvm/hull/devices/devicestest"
)

// FuzzPVPanic wants each event that is written told once.
func FuzzPVPanic(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 3, 0xff})
	f.Fuzz(func(t *testing.T, input []byte) {
		var told, want [2]int
		d := New(Config{Panicked: func() { told[0]++ }, Shutdown: func() { told[1]++ }})
		region := d.Regions()[0]
		for i, s := range devicestest.Steps(region, input) {
			if s.Op&1 == 0 {
				want[0] += int(s.Value[0] & 1)
				want[1] += int(s.Value[0] >> 2 & 1)
				region.Handler.Write(s.Off, s.Value[:s.Width])
			} else if region.Handler.Read(s.Off, s.Value[:s.Width]); s.Value[0] != Panicked|Shutdown {
				t.Fatalf("step %d: read %#x", i, s.Value[0])
			}
			if told != want {
				t.Fatalf("step %d: told %v, want %v", i, told, want)
			}
		}
	})
}
