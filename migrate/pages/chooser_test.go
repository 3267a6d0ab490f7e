package pages

import (
	"testing"
	"time"
)

// link is a model of a connection: what is written goes into a buffer, which empties
// at some speed, and a write waits until there is room.
type link struct {
	speed  float64 // bytes/s
	buffer float64 // bytes
	copies float64 // bytes/s that go into the buffer
	now    float64 // seconds
	held   float64 // bytes in the buffer
}

func (l *link) pass(seconds float64) {
	l.now += seconds
	l.held = max(0, l.held-seconds*l.speed)
}

func (l *link) write(bytes float64) {
	l.pass(bytes / l.copies)
	if over := l.held + bytes - l.buffer; over > 0 {
		l.pass(over / l.speed)
	}
	l.held += bytes
}

// codec is a model of an encoding: how fast it is, and what it leaves.
type codec struct{ speed, leaves float64 }

// content is what memory does under each encoding.
type content [lastEncoding + 1]codec

var (
	compressible = content{{1e18, 1}, {900e6, 0.4}, {350e6, 0.2}}
	random       = content{{1e18, 1}, {3e9, 1}, {1.2e9, 1}}
)

// send sends memory as c chooses, in frames, and gives the bytes per second.
func send(l *link, of content, c *chooser, memory float64) float64 {
	const frame = framePages * PageSize
	begin := l.now
	for left := memory; left > 0; left -= frame {
		as := c.next(int64(left))
		e := of[as]
		start := l.now
		l.pass(frame / e.speed)
		encoded := l.now
		l.write(frame * e.leaves)
		c.note(sample{
			as: as, raw: frame,
			encode: time.Duration((encoded - start) * 1e9), write: time.Duration((l.now - encoded) * 1e9),
		})
	}
	return memory / (l.now - begin)
}

const (
	megabit = 1e6 / 8
	giga    = 1 << 30
)

func linkOf(megabits float64) *link {
	return &link{speed: megabits * megabit, buffer: 4 << 20, copies: 4e9}
}

// Whatever the link and the memory, what is chosen is nearly as fast as the encoding
// that is the best all the time.
func TestWhatIsChosenIsNearlyTheBest(t *testing.T) {
	for name, test := range map[string]struct {
		megabits float64
		of       content
		want     Encoding
	}{
		"fast link":         {100e3, compressible, None},
		"10 Gb/s":           {10e3, compressible, None},
		"4 Gb/s":            {4e3, compressible, LZ4},
		"1 Gb/s":            {1e3, compressible, Zstd},
		"100 Mb/s":          {100, compressible, Zstd},
		"random, fast link": {100e3, random, None},
		"random, 1 Gb/s":    {1e3, random, None},
	} {
		t.Run(name, func(t *testing.T) {
			var best float64
			var is Encoding
			for e := None; e <= lastEncoding; e++ {
				if speed := send(linkOf(test.megabits), test.of, newChooser(e, 1), 4*giga); speed > best*1.001 {
					best, is = speed, e
				}
			}
			c := newChooser(Auto, 1)
			got := send(linkOf(test.megabits), test.of, c, 4*giga)
			if is != test.want || c.best != is && got < 0.97*best {
				t.Errorf("%v is chosen, %v is the best, and %v was to be", c.best, is, test.want)
			}
			if got < 0.9*best {
				t.Errorf("%.0f MB/s, and %v alone makes %.0f", got/1e6, is, best/1e6)
			}
			t.Logf("%.0f MB/s, %.1f %% of what %v makes alone", got/1e6, 100*got/best, is)
		})
	}
}

// What was true of the link or the memory is found out again when it changes.
func TestTheChoiceFollowsWhatChanges(t *testing.T) {
	c := newChooser(Auto, 1)
	l := linkOf(1e3)
	for i, step := range []struct {
		megabits float64
		of       content
		want     Encoding
	}{
		{1e3, compressible, Zstd},
		{1e3, random, None},
		{1e3, compressible, Zstd},
		{40e3, compressible, None},
		{100, compressible, Zstd},
	} {
		l.speed = step.megabits * megabit
		send(l, step.of, c, 20*giga) // tries are as rare as this where nothing changes
		best := send(linkOf(step.megabits), step.of, newChooser(step.want, 1), 4*giga)
		got := send(l, step.of, c, 4*giga)
		if got < 0.9*best {
			t.Errorf("step %d: %v is chosen and makes %.0f MB/s, and %v %.0f", i, c.best, got/1e6, step.want, best/1e6)
		}
	}
}

// A host that stands still now and then does not mislead it.
func TestAStallIsNoReason(t *testing.T) {
	for at := range 40 { // 5 ms each, after which it first stands still
		const every, frame = 0.3, framePages * PageSize
		c := newChooser(Auto, 1)
		l := linkOf(100e3)
		next := 0.005 * float64(at)
		var slow int
		for moved := 0; moved < 8<<30; moved += frame {
			e := c.next(1 << 40)
			encode, write := frame/compressible[e].speed, frame/l.copies
			if l.now += encode + write; l.now >= next {
				next += every
				l.now += 0.1
				write += 0.1
			}
			c.note(sample{as: e, raw: frame, encode: time.Duration(encode * 1e9), write: time.Duration(write * 1e9)})
			if e != None {
				slow += frame
			}
		}
		if slow > 400<<20 {
			t.Errorf("stalls after %d ms: %d MiB were compressed for nothing", 5*at, slow>>20)
		}
	}
}

// What was begun with another encoding is not taken for the one in use.
func TestSamplesOfAnotherEncodingAreNotTaken(t *testing.T) {
	c := newChooser(Auto, 4)
	for range 1000 {
		c.note(sample{as: Zstd, raw: 1 << 20, write: time.Second})
	}
	if c.windows != 0 || c.took != 0 || c.current != None {
		t.Errorf("%d windows, %v, %v", c.windows, c.took, c.current)
	}
}

// The last epochs are small, and are not for trying things out.
func TestSmallEpochsTryNothing(t *testing.T) {
	c := newChooser(Auto, 1)
	l := linkOf(1e3)
	send(l, compressible, c, 64<<20)
	was := c.best
	for e := range c.known {
		c.known[e].since, c.known[e].after = tryAtLast, 0
	}
	for range 100 {
		if e := c.next(noTryBelow - 1); e != was {
			t.Fatalf("%v is tried, and %v in use", e, was)
		}
	}
	if e := c.next(noTryBelow); e == was {
		t.Error("nothing is tried in a large one")
	}
}

func TestAnEncodingThatIsAskedForIsUsed(t *testing.T) {
	for _, e := range []Encoding{None, LZ4, Zstd} {
		c := newChooser(e, 1)
		for range 100 {
			if got := c.next(1 << 40); got != e {
				t.Fatalf("%v, want %v", got, e)
			}
			c.note(sample{as: e, raw: 1 << 20, encode: time.Hour})
		}
	}
}

func TestFramesWithoutDataTeachNothing(t *testing.T) {
	c := newChooser(Auto, 1)
	for range 1000 {
		c.note(sample{encode: time.Second, write: time.Second})
	}
	if c.windows != 0 || c.took != 0 || !c.trying {
		t.Errorf("%d windows, %v", c.windows, c.took)
	}
}
