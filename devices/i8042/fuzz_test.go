package i8042

import (
	"testing"

	"github.com/hullvm/hull/devices/devicestest"
)

// FuzzI8042 writes anything anywhere and expects a reset exactly where the
// last two writes ask for one.
func FuzzI8042(f *testing.F) {
	f.Add([]byte{1, 0, 0, 0xfe, 1, 0, 0, 0xd1, 0, 0, 0, 0})
	f.Add([]byte{1, 0, 0, 0xd1, 2, 0, 0, 0, 0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, input []byte) {
		resets := 0
		d := New(Config{Reset: func() { resets++ }})
		regions := d.Regions()
		want, last := 0, byte(0) // last is the command written last, 0 once used
		for i, s := range devicestest.Steps(regions[0], input) {
			port := int(s.Op & 1)
			if s.Op&2 != 0 {
				regions[port].Handler.Read(s.Off, s.Value[:s.Width])
				continue
			}
			v := s.Value[0]
			if port == 1 {
				if last = v; v >= 0xf0 && v%2 == 0 {
					want++
				}
			} else {
				if last == 0xd1 && v%2 == 0 {
					want++
				}
				last = 0
			}
			regions[port].Handler.Write(s.Off, s.Value[:s.Width])
			if resets != want {
				t.Fatalf("step %d: reset %d times, want %d", i, resets, want)
			}
		}
	})
}
