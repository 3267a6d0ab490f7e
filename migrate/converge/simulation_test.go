package converge

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// world is a model of a guest, a link and the two hosts.
type world struct {
	memory float64 // bytes that the first round sends
	set    float64 // bytes that the guest writes to, again and again
	writes func(at float64) float64
	link   float64 // bytes/s
	rtt    time.Duration
	state  float64
	fixed  time.Duration
	jitter *rand.Rand // of the link, nil for none

	at       float64 // seconds
	throttle float64 // 0 to 1
}

func steady(perSecond float64) func(float64) float64 {
	return func(float64) float64 { return perSecond }
}

// send sends bytes while the guest runs, and says how long it took and what was
// written meanwhile.
func (w *world) send(bytes float64) (took, dirty float64) {
	link := w.link
	if w.jitter != nil {
		link *= 0.97 + 0.06*w.jitter.Float64()
	}
	took = bytes/link + w.rtt.Seconds() + 0.0002
	return took, w.run(took)
}

// run has the guest write for some time. Of what it writes, ever more has been written
// before.
func (w *world) run(seconds float64) float64 {
	var wrote float64
	const step = 0.001
	for end := w.at + seconds; w.at < end; w.at += step {
		wrote += w.writes(w.at) * (1 - w.throttle) * min(step, end-w.at)
	}
	return w.set * (1 - math.Exp(-wrote/w.set))
}

// downtime is how long the guest really stands still.
func (w *world) downtime(left float64) time.Duration {
	return time.Duration((left+w.state)/w.link*1e9) + 2*w.rtt + w.fixed
}

func (w *world) round(sent float64) (r Round) {
	took, dirty := w.send(sent)
	return Round{
		Sent: uint64(sent), Took: time.Duration(took * 1e9), Left: uint64(dirty),
		State: uint64(w.state), RTT: w.rtt, Fixed: w.fixed,
	}
}

// move runs the policy until it ends.
func (w *world) move(t *testing.T, c Config) (d Decision, rounds int, down time.Duration) {
	t.Helper()
	p := New(c)
	left := w.memory
	for {
		if rounds++; rounds > c.filled().MaxRounds {
			t.Fatal("no end")
		}
		r := w.round(left)
		left = float64(r.Left)
		d = p.Decide(r)
		w.throttle = float64(d.Throttle) / 100
		if d.Verdict == Switch {
			left = math.Min(left+w.run(0.001), w.set) // until it is held
			return d, rounds, w.downtime(left)
		}
		if d.Verdict == GiveUp {
			return d, rounds, 0
		}
	}
}

const gbit = 1e9 / 8

func TestGuestsOfManyKinds(t *testing.T) {
	for name, test := range map[string]struct {
		w    world
		c    Config
		want Verdict
		most int // rounds
	}{
		"idle":                       {world{memory: 4e9, set: 1e6, writes: steady(1e5), link: gbit, rtt: ms}, Config{}, Switch, 2},
		"idle, far away":             {world{memory: 4e9, set: 1e6, writes: steady(1e5), link: gbit, rtt: 50 * ms}, Config{Downtime: 150 * ms}, Switch, 2},
		"too far away":               {world{memory: 4e9, set: 1e6, writes: steady(1e5), link: gbit, rtt: 50 * ms}, Config{}, GiveUp, 3},
		"50 MB/s":                    {world{memory: 4e9, set: 1e9, writes: steady(50e6), link: gbit, rtt: ms}, Config{}, Switch, 8},
		"50 MB/s, far away":          {world{memory: 4e9, set: 1e9, writes: steady(50e6), link: gbit, rtt: 50 * ms}, Config{Downtime: 200 * ms}, Switch, 10},
		"faster than the link":       {world{memory: 4e9, set: 2e9, writes: steady(400e6), link: gbit, rtt: ms}, Config{}, GiveUp, 12},
		"it, slowed down":            {world{memory: 4e9, set: 2e9, writes: steady(400e6), link: gbit, rtt: ms}, Config{MaxThrottle: 99}, Switch, 35},
		"it, slowed down too little": {world{memory: 4e9, set: 2e9, writes: steady(4e9), link: gbit, rtt: ms}, Config{MaxThrottle: 50}, GiveUp, 30},
		"a small set of pages":       {world{memory: 4e9, set: 4e6, writes: steady(4e9), link: gbit, rtt: ms}, Config{}, Switch, 2},
		"bursts":                     {world{memory: 4e9, set: 1e9, writes: func(at float64) float64 { return 400e6 * float64(int(at/3)%2) }, link: gbit, rtt: ms}, Config{MaxThrottle: 99}, Switch, 30},
		"short bursts":               {world{memory: 4e9, set: 1e9, writes: func(at float64) float64 { return 300e6 * float64(int(at*10)%5/4) }, link: gbit, rtt: ms}, Config{}, Switch, 12},
		"tiny":                       {world{memory: 1e6, set: 1e5, writes: steady(1e6), link: gbit, rtt: ms}, Config{}, Switch, 2},
		"huge":                       {world{memory: 1e12, set: 200e9, writes: steady(1e9), link: 10e9 / 8, rtt: ms, state: 1e6}, Config{}, Switch, 45},
		"much state":                 {world{memory: 4e9, set: 1e6, writes: steady(1e5), link: gbit, rtt: ms, state: 32 << 20}, Config{}, GiveUp, 3},
		"what is fixed":              {world{memory: 4e9, set: 1e9, writes: steady(50e6), link: gbit, rtt: ms, fixed: 30 * ms, state: 1e5}, Config{}, Switch, 8},
	} {
		t.Run(name, func(t *testing.T) { expect(t, test.w, test.c, test.want, test.most) })
	}
}

func expect(t *testing.T, w world, c Config, want Verdict, most int) {
	t.Helper()
	d, rounds, down := w.move(t, c)
	if d.Verdict != want || rounds > most {
		t.Errorf("%+v after %d rounds, want %v in %d", d, rounds, want, most)
	}
	if budget := c.filled().Downtime; down > budget+budget/10 {
		t.Errorf("it stands still for %v, and %v are allowed", down, budget)
	}
	t.Logf("%v after %d rounds and %.1f s, stands still for %v, throttle %v: %s", d.Verdict, rounds, w.at, down, w.throttle, d.Reason)
}

// Whatever the guest, the move ends, and within the budget where it is handed over.
func TestGuestsOfRandomKinds(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	between := func(low, high float64) float64 { return low * math.Pow(high/low, r.Float64()) }
	ends := make(map[Verdict]int)
	for i := range 300 {
		memory := between(1e5, 1e10)
		on, off, rate := between(0.01, 10), between(0.01, 10), between(1e3, 1e9)
		w := world{
			memory: memory, set: memory * between(1e-4, 1), link: between(1e7, 1e10),
			rtt: time.Duration(between(5e4, 5e7)), state: between(1e3, 1e6), fixed: time.Duration(between(1e5, 1e7)), jitter: r,
			writes: func(at float64) float64 {
				if math.Mod(at, on+off) < on {
					return rate
				}
				return 0
			},
		}
		c := Config{Downtime: time.Duration(between(2e7, 1e9)), MaxThrottle: r.IntN(100), Timeout: time.Duration(between(1e9, 1e11))}
		d, rounds, down := w.move(t, c)
		ends[d.Verdict]++
		if most := 2*c.Downtime + c.Downtime/5; down > most { // in the last moment it may write
			t.Errorf("world %d: %d rounds, it stands still for %v, and %v are allowed", i, rounds, down, c.Downtime)
		}
		if (d.Reason != "") != (d.Verdict == GiveUp) {
			t.Errorf("world %d: %+v", i, d)
		}
	}
	if ends[Switch] < 100 || ends[GiveUp] < 10 {
		t.Errorf("ends: %v", ends)
	}
}
