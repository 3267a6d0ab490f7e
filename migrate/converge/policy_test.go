package converge

import (
	"math"
	"strings"
	"testing"
	"time"
)

const (
	ms  = time.Millisecond
	mb  = 1 << 20
	gig = 1 << 30
)

// round is one at 100 MiB/s that leaves so many bytes.
func round(sent, left uint64) Round {
	return Round{Sent: sent, Took: time.Duration(sent) * time.Second / (100 * mb), Left: left}
}

func TestTheFirstRoundThatLeavesLittleEnoughIsTheLast(t *testing.T) {
	p := New(Config{})
	for i, test := range []struct {
		sent, left uint64
		want       Verdict
	}{
		{gig, 500 * mb, GoOn},
		{500 * mb, 100 * mb, GoOn},
		{100 * mb, 6 * mb, GoOn},
		{6 * mb, 5 * mb, Switch}, // 50 ms
	} {
		d := p.Decide(round(test.sent, test.left))
		if d.Verdict != test.want || d.Throttle != 0 || d.Reason != "" {
			t.Fatalf("round %d: %+v, want %v", i, d, test.want)
		}
		if want := time.Duration(test.left) * time.Second / (100 * mb); d.Expected != want {
			t.Fatalf("round %d: expected %v, want %v", i, d.Expected, want)
		}
	}
}

func TestTheBudgetHasAllThatTakesTime(t *testing.T) {
	r := Round{Sent: 100 * mb, Wire: 50 * mb, Took: time.Second, Left: 2 * mb}
	for name, test := range map[string]struct {
		change func(*Round)
		want   time.Duration
	}{
		"memory":         {func(*Round) {}, 20 * ms},
		"state":          {func(r *Round) { r.State = mb }, 40 * ms}, // not compressed
		"what is fixed":  {func(r *Round) { r.Fixed = 7 * ms }, 27 * ms},
		"two ways":       {func(r *Round) { r.RTT = 500 * ms }, 1010 * ms}, // and the link is faster than it looked
		"no link at all": {func(r *Round) { r.Wire = 0; r.State = mb }, 30 * ms},
	} {
		r := r
		test.change(&r)
		if d := New(Config{}).Decide(r); d.Expected != test.want {
			t.Errorf("%s: expected %v, want %v", name, d.Expected, test.want)
		}
	}
}

func TestTheSlowestOfTheLastRoundsCounts(t *testing.T) {
	p := New(Config{Downtime: ms})
	for i, test := range []struct {
		took time.Duration
		want uint64 // MiB/s
	}{{100 * ms, 100}, {200 * ms, 50}, {50 * ms, 50}, {50 * ms, 50}, {50 * ms, 200}, {100 * ms, 100}} {
		p.Decide(Round{Sent: 10 * mb, Took: test.took, Left: 10 * mb})
		if _, link := p.Rates(); link/mb != test.want {
			t.Errorf("round %d: %d MiB/s, want %d", i, link/mb, test.want)
		}
	}
}

// A round of a few pages takes as long as a round trip does, which says nothing about
// the link.
func TestSmallRoundsDoNotMakeTheLinkSlow(t *testing.T) {
	p := New(Config{Downtime: ms})
	p.Decide(Round{Sent: 100 * mb, Took: time.Second, Left: 4096})
	p.Decide(Round{Sent: 4096, Took: 5 * ms, Left: 4096})
	if _, link := p.Rates(); link != 100*mb {
		t.Errorf("%d bytes/s, want 100 MiB", link)
	}
	// One that takes long does: the link has become slow.
	p.Decide(Round{Sent: 4096, Took: time.Second, Left: 4096})
	if _, link := p.Rates(); link != 4096 {
		t.Errorf("%d bytes/s, want 4096", link)
	}
	// And where there are only small ones, they have to do.
	p = New(Config{Downtime: ms})
	p.Decide(Round{Sent: 40960, Took: 4 * ms, Left: 4096})
	if _, link := p.Rates(); link != 10240*1000 {
		t.Errorf("%d bytes/s, want 10240000", link)
	}
}

func TestMemoryThatIsAllZeroesConverges(t *testing.T) {
	p := New(Config{})
	d := p.Decide(Round{Took: time.Second, Left: 2 * mb})
	if d.Verdict != GoOn || d.Expected != 0 {
		t.Fatalf("%+v: nothing is known of the link yet", d)
	}
	if d = p.Decide(Round{Took: 10 * ms, Left: 2 * mb}); d.Verdict != Switch {
		t.Fatalf("%+v", d)
	}
	if d = New(Config{}).Decide(Round{Took: time.Second}); d.Verdict != Switch {
		t.Fatalf("%+v: nothing is left", d)
	}
}

func TestTheThrottleRisesWhereItDoesNotGetBetter(t *testing.T) {
	p := New(Config{MaxThrottle: 45, MaxRounds: 1000})
	var steps []int
	for {
		d := p.Decide(round(gig, gig))
		if d.Verdict == GiveUp {
			if d.Throttle != 0 {
				t.Errorf("throttle %d after the end", d.Throttle)
			}
			if !strings.Contains(d.Reason, "by more than 45 % with --throttle") {
				t.Errorf("reason %q", d.Reason)
			}
			break
		}
		steps = append(steps, d.Throttle)
	}
	// The first round has none before it; then two a step, and four steps too many.
	want := []int{0, 0, 20, 20, 30, 30, 40, 40, 45, 45, 45, 45, 45, 45, 45, 45}
	if len(steps) != len(want) {
		t.Fatalf("throttle %v, want %v", steps, want)
	}
	for i := range want {
		if steps[i] != want[i] {
			t.Fatalf("throttle %v, want %v", steps, want)
		}
	}
}

func TestRoundsThatGetBetterAreNotThrottled(t *testing.T) {
	p := New(Config{MaxThrottle: 99, Downtime: ms})
	for left := uint64(gig); left > 10*mb; left = left * 8 / 10 {
		if d := p.Decide(round(left, left*8/10)); d.Verdict != GoOn || d.Throttle != 0 {
			t.Fatalf("%+v", d)
		}
	}
}

func TestMovesThatAreGivenUp(t *testing.T) {
	stuck := func(p *Policy) (d Decision, rounds int) {
		for d.Verdict == GoOn {
			d = p.Decide(Round{Sent: gig, Took: 10 * time.Second, Left: 2 * gig, RTT: ms})
			rounds++
		}
		return d, rounds
	}
	for name, test := range map[string]struct {
		c      Config
		rounds int
		want   []string
	}{
		"no throttle":  {Config{}, 9, []string{"it does not converge: the guest dirties 214.7MB/s, the link takes 107.4MB/s", "stand still for 20s where 50ms are allowed", "--downtime", "--throttle"}},
		"rounds":       {Config{MaxRounds: 5}, 5, []string{"in 5 rounds"}},
		"time":         {Config{Timeout: 25 * time.Second}, 3, []string{"in 25s"}},
		"all throttle": {Config{MaxThrottle: 1000}, 27, []string{"--downtime"}},
		"no budget":    {Config{Downtime: time.Millisecond}, 3, []string{"takes 2ms, however little", "still for 1ms: allow more with --downtime"}},
	} {
		d, rounds := stuck(New(test.c))
		if d.Verdict != GiveUp || rounds != test.rounds {
			t.Errorf("%s: %v after %d rounds, want %d", name, d.Verdict, rounds, test.rounds)
		}
		for _, want := range test.want {
			if !strings.Contains(d.Reason, want) {
				t.Errorf("%s: reason %q does not say %q", name, d.Reason, want)
			}
		}
	}
	if d, _ := stuck(New(Config{MaxThrottle: 99})); strings.Contains(d.Reason, "throttle") {
		t.Errorf("reason %q says what has been done", d.Reason)
	}
}

func TestExtremes(t *testing.T) {
	for _, r := range []Round{
		{},
		{Left: math.MaxUint64},
		{Sent: 1, Took: math.MaxInt64, Left: math.MaxUint64, State: math.MaxUint64, RTT: math.MaxInt64 / 2, Fixed: math.MaxInt64},
		{Sent: math.MaxUint64, Wire: math.MaxUint64, Left: 1},
		{Took: -1, RTT: time.Second, Left: 1, Sent: 1},
	} {
		p := New(Config{Downtime: -1, Timeout: -1, MaxRounds: -1, MaxThrottle: -1})
		for range DefaultMaxRounds {
			if d := p.Decide(r); d.Expected < 0 || d.Throttle != 0 {
				t.Errorf("%+v: %+v", r, d)
			}
		}
		if d := p.Decide(Round{Sent: gig, Took: time.Second, Left: gig}); d.Verdict != GiveUp {
			t.Errorf("%+v: %v after all rounds", r, d.Verdict)
		}
	}
}
