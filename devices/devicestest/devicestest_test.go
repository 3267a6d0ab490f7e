package devicestest

import (
	"slices"
	"testing"
	"time"

	"github.com/hullvm/hull/devices"
)

var (
	_ devices.Line  = (*Line)(nil)
	_ devices.Clock = (*Clock)(nil)
)

func TestLineRecordsTransitionsAndNotRestores(t *testing.T) {
	var l Line
	l.Set(true)
	l.Set(true)
	l.Set(false)
	l.Restore(true)
	l.Set(true)
	if got, want := l.Transitions(), []bool{true, false}; !slices.Equal(got, want) {
		t.Errorf("transitions are %v, want %v", got, want)
	}
	if !l.Level() || l.Restored() != 1 {
		t.Errorf("level is %v after %d restores", l.Level(), l.Restored())
	}
	l.Set(false)
	l.Set(true)
	if n := l.Rises(); n != 1 {
		t.Errorf("%d rises since, want 1", n)
	}
}

func TestClockCallsInOrderAtTheirTime(t *testing.T) {
	start := time.Unix(100, 0)
	c := NewClock(start)
	var calls []time.Duration
	note := func() { calls = append(calls, c.Now().Sub(start)) }
	c.AfterFunc(3*time.Second, note)
	c.AfterFunc(time.Second, func() {
		note()
		c.AfterFunc(time.Second, note)
	})
	stopped := c.AfterFunc(time.Second, note)
	c.AfterFunc(9*time.Second, note)
	if !stopped.Stop() || stopped.Stop() {
		t.Error("a timer stops once")
	}
	c.AfterFunc(-time.Second, note)
	if len(calls) != 0 {
		t.Error("a call was made before the clock was told to move")
	}
	c.Advance(5 * time.Second)
	if want := []time.Duration{0, time.Second, 2 * time.Second, 3 * time.Second}; !slices.Equal(calls, want) {
		t.Errorf("calls at %v, want %v", calls, want)
	}
	if got := c.Now().Sub(start); got != 5*time.Second {
		t.Errorf("the clock moved by %v", got)
	}
	if c.Pending() != 1 || c.Armed() != 6 {
		t.Errorf("%d timers pending, %d armed", c.Pending(), c.Armed())
	}
}

func TestClockRefusesATimerThatArmsItselfForEver(t *testing.T) {
	c := NewClock(time.Unix(0, 0))
	var again func()
	again = func() { c.AfterFunc(0, again) }
	again()
	defer func() {
		if recover() == nil {
			t.Error("it did not")
		}
	}()
	c.Advance(0)
}

func TestStepsStayWithinTheRegion(t *testing.T) {
	input := make([]byte, 4*256)
	for i := range input {
		input[i] = byte(i * 7)
	}
	for _, size := range []uint64{1, 2, 3, 4, 7, 8, 100} {
		steps := Steps(devices.Region{Size: size}, input)
		if len(steps) != 256 {
			t.Errorf("%d steps", len(steps))
		}
		for _, s := range steps {
			if s.Width < 1 || s.Off+uint64(s.Width) > size {
				t.Fatalf("%d bytes at %#x pass the region's %d", s.Width, s.Off, size)
			}
		}
	}
}
