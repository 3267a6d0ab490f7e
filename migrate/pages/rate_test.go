package pages

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/hullvm/hull/devices/devicestest"
	"github.com/hullvm/hull/internal/ratelimit"
)

// timed is a move whose time passes only while all that is to be sent waits for it.
type timed struct {
	*move
	clock *devicestest.Clock
}

func timedOf(t *testing.T, src, dst *slots, n int, o Options) *timed {
	t.Helper()
	clock := devicestest.NewClock(time.Unix(1000, 0))
	a, b := socketPairs(t, n)
	s, err := newSender(src, a, o, ratelimit.Clock{
		Now:       clock.Now,
		AfterFunc: func(d time.Duration, f func()) func() bool { return clock.AfterFunc(d, f).Stop },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	r, err := NewReceiver(dst, b)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	m := &move{s: s, r: r, ran: make(chan error, 1)}
	go func() { m.ran <- r.Run(context.Background()) }()
	return &timed{m, clock}
}

// pass runs the first epoch, and calls each with the time that has passed.
func (m *timed) pass(t *testing.T, each func(time.Duration)) Pass {
	t.Helper()
	type result struct {
		p   Pass
		err error
	}
	done := make(chan result, 1)
	go func() {
		p, err := m.s.Pass(t.Context(), 1, nil)
		done <- result{p, err}
	}()
	begin := m.clock.Now()
	for {
		select {
		case r := <-done:
			if r.err != nil {
				t.Fatal(r.err)
			}
			return r.p
		default:
		}
		sending := 0
		for _, c := range m.s.outs {
			if c.ended.Load() == 0 {
				sending++
			}
		}
		if sending == 0 || m.clock.Pending() < sending {
			runtime.Gosched()
			continue
		}
		m.clock.Advance(time.Millisecond)
		each(m.clock.Now().Sub(begin))
	}
}

func TestTheRateIsKept(t *testing.T) {
	const size = 8 << 20
	src := slotsOf(size / PageSize)
	contents["random"](rand.New(rand.NewPCG(1, 2)), src.bytes[0])
	for _, n := range []int{1, 4, 8} {
		for _, rate := range []uint64{1 << 20, 4 << 20} {
			t.Run(fmt.Sprintf("%d connections, %d bytes/s", n, rate), func(t *testing.T) {
				m := timedOf(t, src, slotsOf(size/PageSize), n, Options{Rate: rate})
				p := m.pass(t, func(time.Duration) {})
				wantTime(t, p.Took, time.Duration(p.Wire)*time.Second/time.Duration(rate))
			})
		}
	}
}

func wantTime(t *testing.T, got, want time.Duration) {
	t.Helper()
	if got < want*9/10 || got > want*11/10 {
		t.Errorf("it took %v, want %v", got, want)
	}
}

func TestTheRateChangesWhileMemoryIsSent(t *testing.T) {
	const size = 8 << 20
	src := slotsOf(size / PageSize)
	contents["random"](rand.New(rand.NewPCG(1, 2)), src.bytes[0])
	m := timedOf(t, src, slotsOf(size/PageSize), 2, Options{Rate: 1 << 20})
	changed := false
	p := m.pass(t, func(at time.Duration) {
		if !changed && at >= 2*time.Second {
			changed = true
			m.s.SetRate(4 << 20)
		}
	})
	wantTime(t, p.Took, 2*time.Second+time.Duration(p.Wire-2<<20)*time.Second/(4<<20))

	// Without one, no time passes; and whoever waits is let go at once.
	m = timedOf(t, src, slotsOf(size/PageSize), 2, Options{Rate: 1 << 10})
	p = m.pass(t, func(time.Duration) {
		m.s.SetRate(0)
		devicestest.Eventually(t, "nobody to wait", func() bool { return m.clock.Pending() == 0 })
	})
	if p.Took > 100*time.Millisecond {
		t.Errorf("it took %v without a limit", p.Took)
	}
}

// Under a limit, what is compressed moves more memory.
func TestALimitMakesCompressionWorthwhile(t *testing.T) {
	const size = 16 << 20
	src := slotsOf(size / PageSize)
	contents["text"](rand.New(rand.NewPCG(1, 2)), src.bytes[0])
	m := timedOf(t, src, slotsOf(size/PageSize), 1, Options{Rate: 8 << 20, Compression: Auto})
	p := m.pass(t, func(time.Duration) {})
	if p.Wire > p.Data/2 {
		t.Errorf("%d bytes of frames for %d of memory", p.Wire, p.Data)
	}
}
