package rtc

import (
	"testing"
	"time"

	"github.com/hullvm/hull/devices/devicestest"
	"github.com/hullvm/hull/vmstate/vmstatetest"
)

// FuzzRTC does what a guest and time may do in any order. After each step the
// line must be IRQF as the datasheet defines it.
func FuzzRTC(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0x0b, 0, 1, 0, 0x72, 3, 0, 0, 255, 0, 0, 0, 0x0c, 1, 1, 0, 0})
	f.Add([]byte{0, 0, 0, 0x0b, 0, 1, 0, 0x82, 0, 0, 0, 7, 0, 1, 0, 0xff, 0, 0, 0, 0x0b, 0, 1, 0, 0x20, 5, 0, 0, 90})
	f.Add([]byte{0, 0, 0, 0x0a, 0, 1, 0, 0x63, 4, 0, 0, 1, 0, 1, 0, 0x23, 6, 0, 0, 2, 2, 0, 0, 0})
	f.Fuzz(func(t *testing.T, input []byte) {
		line := new(devicestest.Line)
		clock := devicestest.NewClock(sunday)
		r := New(Config{Line: line, Clock: clock})
		region := r.Regions()[0]
		seconds := 0 // some guests want 8192 interrupts in each
		for i, s := range devicestest.Steps(region, input) {
			d := time.Duration(s.Value[0])
			switch s.Op % 8 {
			case 0, 7:
				region.Handler.Write(s.Off, s.Value[:s.Width])
			case 1:
				region.Handler.Read(s.Off, s.Value[:s.Width])
			case 2:
				r.Resume()
			case 3:
				clock.Advance(d * 20 * time.Microsecond)
			case 4:
				r.Pause()
			case 5:
				if seconds < 1000 {
					clock.Advance(d * time.Second)
					seconds += int(d)
				}
			case 6:
				clock.Advance(-d * time.Second)
			}
			want := r.chip.c&0x40 != 0 && r.chip.b&0x40 != 0 ||
				r.chip.c&0x20 != 0 && r.chip.b&0x20 != 0 ||
				r.chip.c&0x10 != 0 && r.chip.b&0x10 != 0
			if got := line.Level(); got != want {
				t.Fatalf("step %d: line is %v, want %v: B %#x C %#x", i, got, want, r.chip.b, r.chip.c)
			}
			if n := clock.Pending(); n > 1 {
				t.Fatalf("step %d: %d timers are armed", i, n)
			}
		}
		r.Pause()
		vmstatetest.RoundTrip(t, r, New(Config{Clock: clock}))
	})
}
