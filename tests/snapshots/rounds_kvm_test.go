package snapshots

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/hullvm/hull/tests/guestload"
)

// TestRounds takes snapshots of a machine under load at random moments, and holds the
// machine that goes on, and the one that is restored, to what both must do. What was
// restored may be the next one's source, for some generations.
func TestRounds(t *testing.T) {
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	t.Logf("-seed %d -rounds %d", *seed, *rounds)
	r := &rounder{world: newWorld(t), random: rand.New(rand.NewPCG(*seed, 0)), since: time.Now()}
	for i := range *rounds {
		t.Logf("round %d", i)
		r.round()
		if t.Failed() {
			t.Fatalf("in round %d", i)
		}
	}
	r.leave()
}

type rounder struct {
	*world
	random *rand.Rand
	since  time.Time // the last step's end

	source     *live
	generation int      // of the source: 0 for one that booted
	below      []string // snapshots that it lies over, the oldest first
}

// calm is how long workers rest while all is looked at, which would take long on a
// busy machine.
const calm = "500ms"

// generations is how many snapshots a machine may lie over.
const generations = 4

// maybe is true once in n times.
func (r *rounder) maybe(n int) bool { return r.random.IntN(n) == 0 }

// now notes what was done, and how long it took.
func (r *rounder) now(what string) {
	r.t.Logf("%6.1f s: %s", time.Since(r.since).Seconds(), what)
	r.since = time.Now()
}

func (r *rounder) round() {
	if r.source != nil && r.generation >= generations {
		r.leave()
	}
	if r.source == nil {
		r.source = r.boot(kind{kernel: r.kernel(), memory: "256MiB", mebibytes: 8, seed: r.random.Uint64N(1000), balloon: true})
		r.now("boot")
	}
	idle := []string{"0s", "20ms", "50ms", "200ms", "1s"}[r.random.IntN(5)]
	r.source.Do("idle " + idle)
	r.source.Talk()
	time.Sleep(time.Duration(r.random.IntN(3000)) * time.Millisecond)
	before := r.source.Do("report")
	r.now("idle " + idle)
	paused := r.maybe(5)
	if paused {
		r.must(r.Pause(r.t.Context(), r.source.name))
	}
	taken := r.snapshot(r.source)
	if paused {
		r.must(r.Unpause(r.t.Context(), r.source.name))
	}
	r.source.Do("idle " + calm)
	r.now(map[bool]string{false: "snapshot", true: "snapshot while paused"}[paused])
	alone := r.maybe(2)
	if alone {
		r.survives(before)
		r.now("source first")
	}
	clone := r.maybe(2)
	restored := r.restore(taken, clone)
	restored.Do("idle " + calm)
	r.now(strings.TrimRight(restored.name, "0123456789"))
	if !alone { // both run at the same time
		r.survives(before)
		r.now("source")
	}
	r.isRestored(restored, before)
	r.now("looked at")

	switch {
	case r.maybe(4): // it does without its snapshot
		r.forget(taken)
		since := restored.Do("check")
		restored.GoesOn(since)
		restored.quiet()
		restored.end(false)
		r.now("snapshot removed before the end")
	case r.maybe(2): // it is the next one's source
		r.source.end(true)
		r.source, r.generation, r.below = restored, r.generation+1, append(r.below, taken)
		r.now("next generation")
	default:
		restored.end(true)
		r.forget(taken)
		r.now("end")
	}
}

func (r *rounder) kernel() string {
	return []string{"debian-cloud", "debian-next-cloud"}[r.random.IntN(2)]
}

// survives holds the source to not having noticed.
func (r *rounder) survives(before *guestload.Report) {
	r.t.Helper()
	l := r.source
	since, exchanged := l.Do("check"), l.Talking.Load()
	now := l.GoesOn(since)
	for stream, n := range now.Breaks {
		if n != before.Breaks[stream] {
			r.t.Errorf("%s: the stream %q has ended at the snapshot: %s", l.name, stream, now.Why[stream])
		}
	}
	select {
	case err := <-l.Lost:
		r.t.Errorf("%s: the host's stream has ended at the snapshot: %v", l.name, err)
	case <-time.After(10 * time.Millisecond):
	}
	for end := time.Now().Add(guestload.Patience); l.Talking.Load() == exchanged; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			r.t.Fatalf("%s: the host's stream hangs", l.name)
		}
	}
	l.Dated()
	l.quiet()
}

// isRestored holds a restored machine to going on where the source was.
func (r *rounder) isRestored(l *live, before *guestload.Report) {
	r.t.Helper()
	l.Dated()
	since := l.Do("check")
	for worker, n := range before.Progress {
		if since.Progress[worker] < n {
			r.t.Errorf("%s: %q is at %d, and was at %d before the snapshot", l.name, worker, since.Progress[worker], n)
		}
	}
	l.GoesOn(since)
	// What the host was at the other end of has ended, and was not left hanging.
	now := l.Await("streams to the host have ended", func(now *guestload.Report) string {
		for _, stream := range []string{"vsock", "outside"} {
			if now.Breaks[stream] <= before.Breaks[stream] {
				return stream
			}
		}
		if now.Incoming != 0 {
			return "streams of the host"
		}
		return ""
	})
	for stream, n := range now.Breaks {
		if n > before.Breaks[stream]+1 {
			r.t.Errorf("%s: the stream %q has ended %d times since the snapshot: %s", l.name, stream, n-before.Breaks[stream], now.Why[stream])
		}
	}
	l.Dated()
	l.quiet()
}

// leave ends the source, and removes what it lies over.
func (r *rounder) leave() {
	r.source.end(true)
	for _, s := range r.below {
		r.forget(s)
	}
	r.source, r.generation, r.below = nil, 0, nil
}
