package virtq_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/hullvm/hull/devices/virtio/virtq"
	"github.com/hullvm/hull/devices/virtio/virtqtest"
	"github.com/hullvm/hull/mem"
)

// each runs a test for every combination of ring features and some sizes.
func each(t *testing.T, f func(t *testing.T, o virtqtest.Options)) {
	for bits := range 16 {
		o := virtqtest.Options{Packed: bits&1 != 0, EventIndex: bits&2 != 0, Indirect: bits&4 != 0, InOrder: bits&8 != 0}
		name, sizes := "split", []uint16{1, 2, 8, 64}
		if o.Packed {
			name, sizes = "packed", []uint16{1, 2, 3, 7, 64}
		}
		for _, o.Size = range sizes {
			t.Run(fmt.Sprintf("%s size=%d event=%v indirect=%v inorder=%v", name, o.Size, o.EventIndex, o.Indirect, o.InOrder),
				func(t *testing.T) { f(t, o) })
		}
	}
}

// random is a source whose seed is in the log of a test that fails.
func random(t *testing.T) *rand.Rand {
	seed := rand.Uint64()
	t.Logf("seed %#x", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// A driver and a device do what they may in any order, and after each step
// queue, driver and model agree.
func TestAQueueDoesWhatTheModelSays(t *testing.T) {
	each(t, func(t *testing.T, o virtqtest.Options) {
		g := newRig(t, random(t), o)
		for range 400 {
			g.step(true)
		}
		g.drain()
	})
}

// The same across the end of the 16-bit indices of a split ring, and across that
// of a packed ring's third lap.
func TestAQueueGoesOnFromAnyPosition(t *testing.T) {
	each(t, func(t *testing.T, o virtqtest.Options) {
		o.Start = 1<<16 - 20
		if o.Packed {
			o.Start = 3*uint64(o.Size) - uint64(o.Size)/2
		}
		g := newRig(t, random(t), o)
		for range 150 {
			g.step(true)
		}
		g.drain()
	})
}

// A device that gives back more entries than the index counts, without a word to
// the driver, must still tell it then.
func TestManyEntriesBetweenQuestionsDoNotHideAnInterrupt(t *testing.T) {
	for packed, n := range map[bool]int{false: 1<<16 + 1, true: 2*4 + 1} {
		d := virtqtest.New(t, virtqtest.Options{Size: 4, Packed: packed, EventIndex: true})
		q, err := virtq.New(d.Memory.Guest, d.Layout(), d.RingOptions())
		if err != nil {
			t.Fatal(err)
		}
		var c virtq.Chain
		for i := range n {
			d.AddBuffers(virtqtest.Buffer{})
			if ok, err := q.Next(&c); !ok || err != nil {
				t.Fatal(ok, err)
			}
			if err := q.Done(&c, 0); err != nil {
				t.Fatal(err)
			}
			if i == n-1 {
				break // the driver sleeps since the one before
			}
			if _, ok := d.Poll(); !ok {
				t.Fatal("not used")
			}
		}
		if !q.InterruptWanted() {
			t.Errorf("packed %v: no interrupt", packed)
		}
	}
}

// step does one thing at random. With watch, every byte of memory that the
// device changes must be one that it may change.
func (g *rig) step(watch bool) {
	switch op := g.r.IntN(12); op {
	case 0, 1:
		g.stage()
	case 2:
		g.publish()
	case 3:
		g.kick()
	case 4:
		g.poll()
	case 5:
		g.setInterrupts()
	case 6, 7:
		g.device(watch, nil, g.next)
	case 8, 9:
		if len(g.taken) == 0 {
			return
		}
		if n := 1 + g.r.IntN(len(g.taken)); g.r.IntN(3) == 0 {
			for _, q := range g.taken[len(g.taken)-n:] {
				g.write(q)
			}
			g.device(watch, g.usedPlaces(n), func() { g.doneTogether(n) })
			return
		}
		i := g.r.IntN(len(g.taken))
		g.write(g.taken[i])
		g.device(watch, g.usedPlaces(1), func() { g.done(i) })
	case 10:
		g.device(watch, nil, g.askInterrupt)
		switch g.r.IntN(4) {
		case 0:
			g.device(watch, nil, g.untake)
		case 1:
			g.device(watch, nil, g.move)
		}
	case 11:
		g.device(watch, g.kickPlaces(), func() { g.setKicks(g.r.IntN(2) == 0) })
	}
}

// drain ends all requests.
func (g *rig) drain() {
	g.publish()
	g.kick()
	for len(g.published) > 0 {
		g.next()
	}
	for len(g.taken) > 0 {
		g.write(g.taken[0])
		g.done(0)
	}
	g.askInterrupt()
	for len(g.used) > 0 {
		g.poll()
	}
	if g.d.Pending() != 0 {
		g.t.Errorf("%d requests are left", g.d.Pending())
	}
	if p := g.q.Position(); p.Next != p.Used {
		g.t.Errorf("position %+v though nothing is under way", p)
	}
}

// device does something of the device's, which may change memory at places.
func (g *rig) device(watch bool, places []mem.Range, f func()) {
	g.t.Helper()
	if !watch {
		f()
		return
	}
	before := contents(g.t, g.o.Memory.Guest)
	f()
	after := contents(g.t, g.o.Memory.Guest)
	for _, p := range places {
		copy(before[p.Addr:], after[p.Addr:p.Addr+mem.Addr(p.Len)])
	}
	if !bytes.Equal(before, after) {
		for i := range before {
			if before[i] != after[i] {
				g.t.Fatalf("the device changed the byte at %#x", i)
			}
		}
	}
}

func contents(t testing.TB, g *mem.Guest) []byte {
	t.Helper()
	p := make([]byte, g.Size())
	if err := g.ReadAt(p, 0); err != nil {
		t.Fatal(err)
	}
	return p
}

// usedPlaces are what the device may write to give back requests: a split ring's
// next used entries and index; the length, id and flags of a packed ring's next
// descriptors to use up. There may be more than n where older ones were waited
// for.
func (g *rig) usedPlaces(n int) (places []mem.Range) {
	l := g.d.Layout()
	if !g.o.Packed {
		places = append(places, mem.Range{Addr: l.Device + 2, Len: 2})
	}
	waiting := append(append([]*request(nil), g.held...), g.taken...)
	if !g.o.InOrder {
		waiting = waiting[len(waiting)-n:]
	}
	for at := g.usedUnits; len(waiting) > 0; {
		off := mem.Addr(at % uint64(l.Size))
		if g.o.Packed {
			places = append(places, mem.Range{Addr: l.Desc + 16*off + 8, Len: 8})
		} else {
			places = append(places, mem.Range{Addr: l.Device + 4 + 8*off, Len: 8})
		}
		i := oldest(waiting)
		at += waiting[i].units
		waiting = append(waiting[:i], waiting[i+1:]...)
	}
	return places
}

// kickPlaces are what the device may write to ask for notifications.
func (g *rig) kickPlaces() []mem.Range {
	l := g.d.Layout()
	switch {
	case g.o.Packed:
		return []mem.Range{{Addr: l.Device, Len: 4}}
	case g.o.EventIndex:
		return []mem.Range{{Addr: l.Device + 4 + 8*mem.Addr(l.Size), Len: 2}}
	}
	return []mem.Range{{Addr: l.Device, Len: 2}}
}
