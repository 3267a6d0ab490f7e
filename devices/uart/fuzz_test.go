package uart

import (
	"testing"
	"time"

	"github.com/hullvm/hull/devices/devicestest"
	"github.com/hullvm/hull/vmstate/vmstatetest"
)

// FuzzUART does what a guest and a host may do in any order. After each step
// the line must be where the datasheet's table of interrupts puts it, worked
// out from what the registers show.
func FuzzUART(f *testing.F) {
	f.Add([]byte{0, 4, 0, 0x0b, 0, 1, 0, 0x0f, 0, 2, 0, 0xc7, 4, 0, 0, 20, 1, 0, 0, 0, 3, 0, 0, 200, 1, 5, 0, 0})
	f.Add([]byte{0, 4, 0, 0x18, 0, 0, 2, 0x55, 1, 0, 3, 0, 0, 4, 0, 0x08, 1, 6, 0, 0})
	f.Add([]byte{0, 3, 0, 0x80, 0, 0, 1, 0xff, 0, 3, 0, 3, 5, 0, 0, 0, 0, 0, 0, 9, 6, 0, 0, 0})
	f.Fuzz(func(t *testing.T, input []byte) {
		line := new(devicestest.Line)
		clock := devicestest.NewClock(time.Unix(0, 0))
		u := New(Config{Name: "COM1", Base: base, Line: line, Clock: clock})
		defer u.Close()
		region := u.Regions()[0]
		for i, s := range devicestest.Steps(region, input) {
			switch s.Op % 8 {
			case 0, 6:
				region.Handler.Write(s.Off, s.Value[:s.Width])
			case 1, 7:
				region.Handler.Read(s.Off, s.Value[:s.Width])
			case 2:
				u.Resume()
			case 3:
				clock.Advance(time.Duration(s.Value[0]) * 10 * time.Microsecond)
			case 4:
				// Host input that does not wait: what is not taken is dropped.
				u.mu.Lock()
				u.input = make([]byte, s.Value[0]%40)
				u.settleLocked()
				u.input = nil
				u.mu.Unlock()
			case 5:
				u.Pause()
			}
			check(t, i, u, line)
		}
		u.Pause()
		fresh := New(Config{Name: "COM1", Base: base})
		defer fresh.Close()
		vmstatetest.RoundTrip(t, u, fresh)
	})
}

func check(t *testing.T, step int, u *UART, line *devicestest.Line) {
	t.Helper()
	u.mu.Lock()
	defer u.mu.Unlock()
	c := &u.chip
	if c.rx.n < 0 || c.rx.n > fifoSize || c.fcr&fcrEnable == 0 && c.rx.n > 1 {
		t.Fatalf("step %d: %d bytes in the receiver", step, c.rx.n)
	}
	full := []int{1, 1, 1, 1}
	if c.fcr&1 == 1 {
		full = []int{1, 4, 8, 14}
	}
	pending := c.ier&0x04 != 0 && c.lsr&0x02 != 0 ||
		c.ier&0x01 != 0 && (c.rx.n >= full[c.fcr>>6] || c.timedOut) ||
		c.ier&0x02 != 0 && c.thrPending ||
		c.ier&0x08 != 0 && c.msr&0x0f != 0
	want := pending && c.mcr&0x08 != 0 && c.mcr&0x10 == 0
	if got := line.Level(); got != want {
		t.Fatalf("step %d: line is %v, want %v: ier %#x lsr %#x msr %#x mcr %#x rx %d", step, got, want, c.ier, c.lsr, c.msr, c.mcr, c.rx.n)
	}
	if c.timedOut && (c.rx.n == 0 || c.fcr&1 == 0) {
		t.Fatalf("step %d: a timeout without data", step)
	}
	if c.thrPending && c.lsr&lsrTHRE == 0 {
		t.Fatalf("step %d: THRE interrupt without THRE", step)
	}
}
