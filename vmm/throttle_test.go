package vmm

import (
	"errors"
	"testing"
	"time"

	"github.com/hullvm/hull/devices/devicestest"
)

// rate is how much a guest of asmCount counts in a second.
func rate(t testing.TB, m *Machine, over time.Duration) float64 {
	t.Helper()
	read := func() uint64 {
		n, err := m.memory.Uint64(counterAddr)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	first, start := read(), time.Now()
	time.Sleep(over)
	return float64(read()-first) / time.Since(start).Seconds()
}

// A guest that is throttled does less, and as much as before when it is not any more.
func TestAThrottledGuestDoesLess(t *testing.T) {
	devicestest.CheckGoroutines(t)
	m := newBare(t, asmCount, nil)
	m.Start()
	counted(t, m, 0)
	const (
		percent = 80
		over    = 2 * throttleWindow * 100 / (100 - percent) // ten windows
	)
	// The host may be busy with other things in any of the three times.
	for deadline := time.Now().Add(patience); ; {
		free := rate(t, m, over)
		if err := m.Throttle(percent); err != nil {
			t.Fatal(err)
		}
		held := rate(t, m, over)
		if err := m.Throttle(0); err != nil {
			t.Fatal(err)
		}
		again := rate(t, m, over)
		t.Logf("%.0f/s, %.0f/s while it is throttled, %.0f/s again", free, held, again)
		if held > 0 && held < free/2 && held < again/2 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the throttle does nothing, or all")
		}
	}
	m.Kill()
	waitEnd(t, m)
}

// Whatever is asked of a machine that is throttled comes first.
func TestThrottledMachinesObey(t *testing.T) {
	devicestest.CheckGoroutines(t)
	m := newBare(t, asmCount, func(c *Config) { c.Machine = describe(t, 2, "32MiB") })
	if err := m.Throttle(MaxThrottle); err != nil { // counts from the start on
		t.Fatal(err)
	}
	m.Start()
	counted(t, m, 0)
	for range 10 {
		s := save(t, m) // which pauses
		if len(s.state) == 0 {
			t.Error("no state")
		}
		at, err := m.memory.Uint64(counterAddr)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Throttle(50 + MaxThrottle/3); err != nil {
			t.Fatal(err)
		}
		if n, err := m.memory.Uint64(counterAddr); err != nil || n != at {
			t.Fatalf("it counts to %d from %d while it is paused, %v", n, at, err)
		}
		if err := m.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
		counted(t, m, at)
		if err := m.Throttle(MaxThrottle); err != nil {
			t.Fatal(err)
		}
	}
	for _, percent := range []int{-1, 100} {
		if err := m.Throttle(percent); err == nil {
			t.Errorf("%d per cent are taken", percent)
		}
	}
	m.Kill()
	waitEnd(t, m)
	if err := m.Throttle(0); !errors.Is(err, ErrNotRunning) {
		t.Errorf("after its end: %v", err)
	}
}

// A machine that never starts leaves no goroutine behind.
func TestAThrottleOfAMachineThatNeverStarts(t *testing.T) {
	devicestest.CheckGoroutines(t)
	m := newBare(t, asmSpin, nil)
	if err := m.Throttle(1); err != nil {
		t.Fatal(err)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
}
