package ratelimit_test

import (
	"math"
	"testing"
	"time"

	"github.com/hullvm/hull/devices/devicestest"
	"github.com/hullvm/hull/internal/ratelimit"
)

func newLimiter(l ratelimit.Limits) (*ratelimit.Limiter, *devicestest.Clock) {
	c := devicestest.NewClock(time.Unix(1000, 0))
	return ratelimit.New(l, clockOf(c)), c
}

func clockOf(c *devicestest.Clock) ratelimit.Clock {
	return ratelimit.Clock{Now: c.Now, AfterFunc: func(d time.Duration, f func()) func() bool { return c.AfterFunc(d, f).Stop }}
}

func ops(rate, burst uint64) ratelimit.Limits {
	return ratelimit.Limits{Ops: ratelimit.Rate{PerSecond: rate, Burst: burst}}
}

func bytes(rate, burst uint64) ratelimit.Limits {
	return ratelimit.Limits{Bytes: ratelimit.Rate{PerSecond: rate, Burst: burst}}
}

func expectDelay(t *testing.T, l *ratelimit.Limiter, want time.Duration) {
	t.Helper()
	if got := l.Delay(); got != want {
		t.Fatalf("delay is %v, want %v", got, want)
	}
}

func TestABurstPassesAndThenTheRate(t *testing.T) {
	l, c := newLimiter(ops(10, 3))
	for range 3 {
		expectDelay(t, l, 0)
		l.Take(1, 1<<40)
	}
	for range 5 {
		expectDelay(t, l, 100*time.Millisecond)
		c.Advance(100*time.Millisecond - 1)
		expectDelay(t, l, 1)
		c.Advance(1)
		expectDelay(t, l, 0)
		l.Take(1, 1<<40)
	}
	c.Advance(time.Hour)
	for range 3 {
		expectDelay(t, l, 0)
		l.Take(1, 0)
	}
	expectDelay(t, l, 100*time.Millisecond)
}

func TestARequestLargerThanTheBurstIsPaidForAfterwards(t *testing.T) {
	l, c := newLimiter(bytes(1000, 100))
	l.Take(1, 5100)
	expectDelay(t, l, 5*time.Second+time.Millisecond) // 5000 of debt, and one to be there
	c.Advance(5 * time.Second)
	expectDelay(t, l, time.Millisecond)
	c.Advance(time.Millisecond)
	expectDelay(t, l, 0)
}

func TestTheSlowerOfTwoLimitsHolds(t *testing.T) {
	l, _ := newLimiter(ratelimit.Limits{Ops: ratelimit.Rate{PerSecond: 10, Burst: 1}, Bytes: ratelimit.Rate{PerSecond: 100, Burst: 1}})
	l.Take(1, 1)
	expectDelay(t, l, 100*time.Millisecond)
	l.Take(0, 99)
	expectDelay(t, l, time.Second)
}

func TestWithoutALimitNothingIsHeld(t *testing.T) {
	l, c := newLimiter(ratelimit.Limits{})
	l.Take(math.MaxUint64, math.MaxUint64)
	expectDelay(t, l, 0)
	if !l.Wait(nil) || !l.Allow() || l.Held() != 0 || c.Armed() != 0 {
		t.Error("held back")
	}
}

// A rate that does not divide a second must not lose what is left over.
func TestTheLongRunRateIsExact(t *testing.T) {
	for _, rate := range []uint64{1, 3, 7, 997, 1_000_003, 3_333_333_333} {
		l, c := newLimiter(bytes(rate, 8))
		l.Take(1, 7)
		start, n := c.Now(), uint64(0)
		for range 1000 {
			c.Advance(l.Delay())
			size := 1 + n%13
			l.Take(1, size)
			n += size
		}
		c.Advance(l.Delay())
		// The bucket held one token at first and holds one, or a little more, now.
		ns := c.Now().Sub(start).Seconds()
		got, most := float64(n), ns*float64(rate)
		if slack := max(1, float64(rate)/1e9); got > most+1e-3 || got < most-slack-1e-3 {
			t.Errorf("rate %d: %v passed in %v s, want %v", rate, got, ns, most)
		}
	}
}

func TestLimitsChangeForThoseWhoWait(t *testing.T) {
	devicestest.CheckGoroutines(t)
	l, c := newLimiter(ops(1, 1))
	l.Take(11, 0)
	done := make(chan bool)
	go func() { done <- l.Wait(nil) }()
	devicestest.Eventually(t, "the wait", func() bool { return c.Pending() == 1 })
	l.Set(ops(100, 1))
	devicestest.Eventually(t, "a shorter wait", func() bool { return c.Armed() == 2 && c.Pending() == 1 })
	expectDelay(t, l, 110*time.Millisecond)
	c.Advance(110 * time.Millisecond)
	if !<-done || l.Held() != 1 {
		t.Error("not passed, or held more than once")
	}
	l.Take(1<<40, 0)
	go func() { done <- l.Wait(nil) }()
	devicestest.Eventually(t, "the wait", func() bool { return c.Pending() == 1 })
	l.Set(ratelimit.Limits{})
	if !<-done || c.Pending() != 0 {
		t.Error("held without a limit, or a timer was left")
	}
	l.Set(ops(7, 2))
	if got := l.Limits(); got != ops(7, 2) {
		t.Errorf("limits are %+v", got)
	}
	l.Take(2, 0)
	expectDelay(t, l, 142857143) // full at first, and rounded up
}

func TestWaitEndsWhenItIsToldTo(t *testing.T) {
	devicestest.CheckGoroutines(t)
	l, c := newLimiter(ops(1, 1))
	l.Take(1, 0)
	stop := make(chan struct{})
	done := make(chan bool)
	go func() { done <- l.Wait(stop) }()
	devicestest.Eventually(t, "the wait", func() bool { return c.Pending() == 1 })
	close(stop)
	if <-done {
		t.Error("passed")
	}
	if n := c.Pending(); n != 0 {
		t.Errorf("%d timers left", n)
	}
}

func TestATimerRunsOnlyWhileSomethingWaits(t *testing.T) {
	l, c := newLimiter(ops(1000, 10))
	for range 100 {
		c.Advance(time.Millisecond)
		if !l.Wait(nil) {
			t.Fatal("held")
		}
		l.Take(1, 0)
	}
	if c.Armed() != 0 {
		t.Errorf("%d timers armed", c.Armed())
	}
}

func TestAllowTakesWhatItAllows(t *testing.T) {
	l, c := newLimiter(ops(1, 2))
	for i, want := range []bool{true, true, false, false} {
		if l.Allow() != want {
			t.Errorf("call %d: allowed %v", i, !want)
		}
	}
	c.Advance(time.Second)
	if !l.Allow() || l.Allow() {
		t.Error("a second later not exactly one is allowed")
	}
}

func TestExtremes(t *testing.T) {
	for _, rate := range []uint64{1, 2, math.MaxUint32, math.MaxUint64} {
		for _, burst := range []uint64{0, 1, math.MaxUint64} {
			l, c := newLimiter(bytes(rate, burst))
			for range 10 {
				l.Take(1, math.MaxUint64)
			}
			if d := l.Delay(); d <= 0 || d > 24*time.Hour {
				t.Errorf("rate %d burst %d: delay is %v", rate, burst, d)
			}
			c.Advance(math.MaxInt64)
			c.Advance(math.MaxInt64)
			if rate == math.MaxUint64 && l.Delay() != 0 {
				t.Errorf("rate %d burst %d: not filled in 292 years", rate, burst)
			}
		}
	}
}

// FuzzLimiter holds the limiter against one that counts in units of 1e-9 tokens.
func FuzzLimiter(f *testing.F) {
	f.Add(uint32(10), uint32(3), []byte{1, 1, 1, 1, 200, 3, 255})
	f.Add(uint32(4000000000), uint32(0), []byte{255, 0, 128, 7, 9, 100, 101})
	f.Fuzz(func(t *testing.T, rate, burst uint32, script []byte) {
		rate = max(rate, 1)
		l, c := newLimiter(bytes(uint64(rate), uint64(burst)))
		if burst == 0 {
			burst = max(rate/10, 1)
		}
		level := float64(burst) * 1e9
		for i, b := range script {
			n := uint64(b>>1) * uint64(i%1000)
			if b&1 == 0 {
				l.Take(1, n)
				level -= float64(n) * 1e9
			} else {
				c.Advance(time.Duration(n) * 1000)
				level = min(level+float64(n)*1000*float64(rate), float64(burst)*1e9)
			}
			want := 0.0 // the delay is told for a day at most
			if level < 1e9 {
				want = min(math.Ceil((1e9-level)/float64(rate)), float64(24*time.Hour))
			}
			if got := float64(l.Delay()); math.Abs(got-want) > 1+want*1e-9 {
				t.Fatalf("step %d: delay %v, want %v", i, got, want)
			}
		}
	})
}

func BenchmarkTake(b *testing.B) {
	for name, limits := range map[string]ratelimit.Limits{"unlimited": {}, "limited": ops(1<<40, 1<<40)} {
		b.Run(name, func(b *testing.B) {
			l := ratelimit.New(limits, ratelimit.Clock{})
			for b.Loop() {
				l.Wait(nil)
				l.Take(1, 4096)
			}
		})
	}
}
