package acpipm

import (
	"testing"
	"time"

	"github.com/hullvm/hull/devices/devicestest"
	"github.com/hullvm/hull/vmstate/vmstatetest"
)

// FuzzPM does what a guest, the button and time may do in any order. After each
// step the SCI must be where the enabled status bits put it.
func FuzzPM(f *testing.F) {
	f.Add([]byte{0, 3, 0, 1, 7, 0, 0, 0, 0, 1, 0, 1, 4, 0, 0, 1})
	f.Add([]byte{8, 0, 1, 0x34, 16, 0, 2, 0, 24, 0, 3, 0xff, 32, 0, 0, 6})
	f.Add([]byte{0, 2, 1, 1, 5, 0, 0, 255, 4, 0, 0, 0, 7, 0, 0, 0, 6, 0, 0, 0, 5, 0, 0, 0})
	f.Fuzz(func(t *testing.T, input []byte) {
		line := new(devicestest.Line)
		clock := devicestest.NewClock(time.Unix(0, 0))
		start := clock.Now()
		d := New(Config{Line: line, Clock: clock})
		regions := d.Regions()
		for i, s := range devicestest.Steps(regions[3], input) { // the widest
			r := regions[int(s.Op>>3)%len(regions)]
			s.Off %= r.Size
			for uint64(s.Width) > r.Size-s.Off {
				s.Width /= 2
			}
			switch s.Op % 8 {
			case 0, 1, 2:
				r.Handler.Write(s.Off, s.Value[:s.Width])
			case 3:
				r.Handler.Read(s.Off, s.Value[:s.Width])
			case 4:
				d.Pause()
			case 5:
				clock.Advance(time.Duration(s.Value[0]) * 20 * time.Millisecond)
			case 6:
				d.Resume()
			case 7:
				d.PressPowerButton()
				d.RaiseGPE(s.Value[0] % 32)
			}
			want := d.chip.pm1STS&d.chip.pm1EN != 0 || d.chip.gpe0STS&d.chip.gpe0EN != 0
			if got := line.Level(); got != want {
				t.Fatalf("step %d: SCI is %v, want %v", i, got, want)
			}
			if n := clock.Pending(); n > 1 || n == 1 && d.paused {
				t.Fatalf("step %d: %d timers are armed", i, n)
			}
			var p [4]byte
			regions[2].Handler.Read(0, p[:])
			if got, want := uint64(p[0])|uint64(p[1])<<8|uint64(p[2])<<16|uint64(p[3])<<24, slowCount(clock.Now().Sub(start), 24); got != want {
				t.Fatalf("step %d: timer is %#x, want %#x", i, got, want)
			}
		}
		vmstatetest.RoundTrip(t, d, New(Config{Clock: clock}))
	})
}
