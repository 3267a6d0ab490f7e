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

// rig is a driver, a queue, and a model of what passes between them that is slow
// and obvious: everything that ever happened is counted from 0 and kept in
// lists. Units are what the ring's format counts: entries of a split ring, slots
// of a packed one.
type rig struct {
	t *testing.T
	r *rand.Rand
	o virtqtest.Options
	d *virtqtest.Driver
	q *virtq.Queue

	staged    []*request // not shown to the device
	published []*request // shown and not taken
	taken     []*request // taken and not done
	held      []*request // done, behind an older one
	used      []*request // done and not polled
	history   []*request // all that were taken, without those taken back

	stagedUnits, publishedUnits, takenUnits, usedUnits, polledUnits uint64

	kicksOff    bool
	kickAt      uint64 // notify when the unit of this number is published
	kickAsked   uint64 // publishedUnits at the last question
	interrupt   interruptWish
	interruptAt uint64
	usedAsked   uint64 // usedUnits at the last question
	moved       bool   // the queue is a new one since
}

type interruptWish int

const (
	interruptOn interruptWish = iota
	interruptOff
	interruptAtUnit
)

// request is one of the driver's.
type request struct {
	token    virtqtest.Token
	readable [][]byte
	writable []int
	units    uint64
	chain    *virtq.Chain
	written  uint32
	answer   []byte // what the writable buffers hold when it is done
}

func newRig(t *testing.T, r *rand.Rand, o virtqtest.Options) *rig {
	t.Helper()
	o.Rand = r
	if o.Memory == nil {
		o.Memory = virtqtest.NewMemory(t, 1<<15)
	}
	d := virtqtest.New(t, o)
	q, err := virtq.New(o.Memory.Guest, d.Layout(), d.RingOptions())
	if err != nil {
		t.Fatal(err)
	}
	g := &rig{t: t, r: r, o: o, d: d, q: q, moved: o.Start > 0}
	if g.moved {
		if err := q.Restore(d.Queue().Position()); err != nil {
			t.Fatal(err)
		}
	}
	for _, units := range []*uint64{
		&g.stagedUnits, &g.publishedUnits, &g.takenUnits, &g.usedUnits, &g.polledUnits,
		&g.kickAt, &g.kickAsked, &g.interruptAt, &g.usedAsked,
	} {
		*units = o.Start
	}
	if o.EventIndex {
		g.interrupt = interruptAtUnit // of number 0
		if o.Packed {
			g.kickAt = never // the device's event flags begin as 0, which is ENABLE
		}
	}
	return g
}

const never = 1 << 63

// stage makes a request of random buffers.
func (g *rig) stage() {
	q := &request{units: 1}
	most := min(int(g.o.Size), 5)
	if g.o.Indirect {
		most = 8
	}
	for n := 1 + g.r.IntN(most); n > 0; n-- {
		length := g.r.IntN(40) // 0 as well
		if g.r.IntN(2) == 0 {
			q.readable = append(q.readable, randomBytes(g.r, length))
		} else {
			q.writable = append(q.writable, length)
			for range length {
				q.answer = append(q.answer, 0xa5) // what the driver fills in
			}
		}
	}
	room := g.d.Room()
	token, ok := g.d.Stage(q.readable, q.writable)
	if !ok {
		if room >= len(q.readable)+len(q.writable) {
			g.t.Fatalf("driver has no room with %d free", room)
		}
		return
	}
	q.token = token
	if g.o.Packed {
		q.units = uint64(room - g.d.Room())
	}
	g.staged = append(g.staged, q)
	g.stagedUnits += q.units
}

func randomBytes(r *rand.Rand, n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(r.Uint32())
	}
	return p
}

func (g *rig) publish() {
	g.d.Publish()
	g.published = append(g.published, g.staged...)
	g.staged = nil
	g.publishedUnits = g.stagedUnits
}

// kick asks the driver whether it has to notify: exactly when the device wants
// it, by what it said last.
func (g *rig) kick() {
	want := false
	for at := g.kickAsked; at < g.publishedUnits; at++ {
		switch {
		case !g.o.EventIndex, g.o.Packed && g.kicksOff, g.kickAt == never:
			want = !g.kicksOff
		case g.o.Packed: // two laps later a position is the same again
			want = want || at%(2*uint64(g.o.Size)) == g.kickAt%(2*uint64(g.o.Size))
		default:
			want = want || uint16(at) == uint16(g.kickAt)
		}
	}
	if got := g.d.Kick(); got != want {
		g.t.Fatalf("notification is %v, want %v: units %d to %d, device asked for %d, off %v",
			got, want, g.kickAsked, g.publishedUnits, g.kickAt, g.kicksOff)
	}
	g.kickAsked = g.publishedUnits
}

// next takes a request and compares it with what the driver made.
func (g *rig) next() {
	c := new(virtq.Chain)
	ok, err := g.q.Next(c)
	if err != nil || ok != (len(g.published) > 0) {
		g.t.Fatalf("Next: %v, error %v, with %d requests published", ok, err, len(g.published))
	}
	if !ok {
		return
	}
	q := g.published[0]
	g.published = g.published[1:]
	g.taken = append(g.taken, q)
	g.history = append(g.history, q)
	g.takenUnits += q.units
	q.chain = c
	var readable []byte
	var lengths []int
	for _, p := range q.readable {
		readable = append(readable, p...)
		lengths = append(lengths, len(p))
	}
	sameLengths(g.t, c.Readable, lengths)
	sameLengths(g.t, c.Writable, q.writable)
	got := make([]byte, c.ReadableLen())
	if n, err := virtq.CopyFrom(g.o.Memory.Guest, got, c.Readable, 0); err != nil || n != len(got) || !bytes.Equal(got, readable) {
		g.t.Fatalf("request %d reads %x (%d bytes, error %v), want %x", q.token, got, n, err, readable)
	}
}

func sameLengths(t *testing.T, ranges []mem.Range, want []int) {
	t.Helper()
	var got, kept []int
	for _, r := range ranges {
		got = append(got, int(r.Len))
	}
	for _, n := range want {
		if n > 0 {
			kept = append(kept, n)
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(kept) {
		t.Fatalf("chain has buffers of %v bytes, want %v", got, kept)
	}
}

// untake gives the last request taken back to the queue.
func (g *rig) untake() {
	if len(g.taken) == 0 {
		return
	}
	q := g.taken[len(g.taken)-1]
	if g.history[len(g.history)-1] != q {
		return // one that was taken later is done
	}
	g.history = g.history[:len(g.history)-1]
	g.q.Untake(q.chain)
	g.taken = g.taken[:len(g.taken)-1]
	g.published = append([]*request{q}, g.published...)
	g.takenUnits -= q.units
}

// move puts a new queue where this one stands, as a restored machine does.
func (g *rig) move() {
	if len(g.taken)+len(g.held) > 0 {
		return
	}
	q, err := virtq.New(g.o.Memory.Guest, g.d.Layout(), g.d.RingOptions())
	if err != nil {
		g.t.Fatal(err)
	}
	if err := q.Restore(g.q.Position()); err != nil {
		g.t.Fatal(err)
	}
	if q.Position() != g.q.Position() {
		g.t.Fatalf("restored to %+v, want %+v", q.Position(), g.q.Position())
	}
	g.q, g.moved, g.history = q, true, nil
}

// write answers a request that was taken, without giving it back.
func (g *rig) write(q *request) {
	q.written = uint32(g.r.IntN(len(q.answer) + 1))
	p := randomBytes(g.r, int(q.written))
	if n, err := virtq.CopyTo(g.o.Memory.Guest, p, q.chain.Writable, 0); err != nil || n != len(p) {
		g.t.Fatalf("wrote %d of %d bytes: %v", n, len(p), err)
	}
	copy(q.answer, p)
}

// done gives back a request.
func (g *rig) done(i int) {
	q := g.taken[i]
	if err := g.q.Done(q.chain, q.written); err != nil {
		g.t.Fatal(err)
	}
	g.gone(i)
}

// doneTogether gives back the last n requests at once.
func (g *rig) doneTogether(n int) {
	var chains []*virtq.Chain
	var written []uint32
	for _, q := range g.taken[len(g.taken)-n:] {
		chains = append(chains, q.chain)
		written = append(written, q.written)
	}
	if err := g.q.DoneTogether(chains, written); err != nil {
		g.t.Fatal(err)
	}
	for range n {
		g.gone(len(g.taken) - n)
		n--
	}
}

// gone follows a request that was given back.
func (g *rig) gone(i int) {
	q := g.taken[i]
	g.taken = append(g.taken[:i:i], g.taken[i+1:]...)
	g.held = append(g.held, q)
	for len(g.held) > 0 {
		i := oldest(g.held)
		if q := g.held[i]; g.o.InOrder && len(g.taken) > 0 && g.taken[oldest(g.taken)].token < q.token {
			return
		}
		g.used = append(g.used, g.held[i])
		g.usedUnits += g.held[i].units
		g.held = append(g.held[:i:i], g.held[i+1:]...)
	}
}

func oldest(all []*request) (first int) {
	for i, q := range all {
		if q.token < all[first].token {
			first = i
		}
	}
	return first
}

// askInterrupt compares the device's decision with what the driver wants.
func (g *rig) askInterrupt() {
	want := g.usedUnits > g.usedAsked
	switch g.interrupt {
	case interruptOff:
		want = false
	case interruptAtUnit:
		want = want && g.usedAsked <= g.interruptAt && g.interruptAt < g.usedUnits
	}
	want = want || g.moved // what the driver was told is not known
	g.moved = false
	got := g.q.InterruptWanted()
	// Once around the ring without a question, more than wanted may be said.
	around := g.usedUnits-g.usedAsked > uint64(g.o.Size)
	if got != want && !(got && around && g.interrupt == interruptAtUnit) {
		g.t.Fatalf("interrupt is %v, want %v: units %d to %d, wish %d at %d",
			got, want, g.usedAsked, g.usedUnits, g.interrupt, g.interruptAt)
	}
	g.usedAsked = g.usedUnits
}

// poll takes a used request as the driver.
func (g *rig) poll() {
	u, ok := g.d.Poll()
	if ok != (len(g.used) > 0) {
		g.t.Fatalf("driver sees a used request: %v, want %v", ok, len(g.used) > 0)
	}
	if !ok {
		return
	}
	q := g.used[0]
	g.used = g.used[1:]
	g.polledUnits += q.units
	if got := bytes.Join(u.Writable, nil); u.Token != q.token || u.Written != q.written || !bytes.Equal(got, q.answer) {
		g.t.Fatalf("driver got request %d, %d bytes written: %x; want request %d, %d bytes: %x",
			u.Token, u.Written, got, q.token, q.written, q.answer)
	}
	if g.interrupt != interruptOff && g.o.EventIndex {
		g.interrupt, g.interruptAt = interruptAtUnit, g.polledUnits // the driver asks again
	}
}

// setKicks has the device ask for notifications, or not.
func (g *rig) setKicks(on bool) {
	if err := g.q.SetKicks(on); err != nil {
		g.t.Fatal(err)
	}
	g.kicksOff = !on
	if on {
		g.kickAt = g.takenUnits
	}
	ready, err := g.q.Ready()
	if err != nil || ready != (len(g.published) > 0) {
		g.t.Fatalf("Ready: %v, error %v, with %d requests published", ready, err, len(g.published))
	}
}

// setInterrupts has the driver ask for interrupts, or not, or for one that comes
// after some units.
func (g *rig) setInterrupts() {
	switch k := g.r.IntN(3); {
	case k == 0 && (g.o.Packed || !g.o.EventIndex):
		g.d.Interrupts(false)
		g.interrupt = interruptOff
	case k == 1 && g.o.EventIndex:
		after := uint64(g.r.IntN(int(g.o.Size)))
		g.d.Interrupts(true)
		g.interrupt, g.interruptAt = interruptAtUnit, g.polledUnits+after
		if !g.o.Packed {
			g.d.Split().PutUsedEvent(uint16(g.interruptAt))
			break
		}
		lap := g.interruptAt / uint64(g.o.Size)
		off := uint16(g.interruptAt%uint64(g.o.Size)) | uint16(1-lap%2)<<15
		g.d.Packed().PutDriverEvent(virtqtest.Event{Off: off, Flags: virtqtest.EventDesc})
	default:
		g.d.Interrupts(true)
		g.interrupt, g.interruptAt = interruptOn, g.polledUnits
		if g.o.EventIndex {
			g.interrupt = interruptAtUnit
		}
	}
}
