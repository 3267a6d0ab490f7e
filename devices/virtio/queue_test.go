package virtio_test

import (
	"testing"

	"github.com/hullvm/hull/devices/virtio/virtq"
	"github.com/hullvm/hull/devices/virtio/virtqtest"
)

// take takes n requests of q.
func take(t *testing.T, d *virtqtest.Driver, n int) (chains []*virtq.Chain) {
	t.Helper()
	for range n {
		c := new(virtq.Chain)
		if ok, err := d.Queue().Next(c); !ok || err != nil {
			t.Fatalf("next: %v, %v", ok, err)
		}
		chains = append(chains, c)
	}
	return chains
}

// formats are the kinds of ring.
func formats(size uint16) (list []virtqtest.Options) {
	for bits := range 8 {
		list = append(list, virtqtest.Options{
			Size: size, Packed: bits&1 != 0, EventIndex: bits&2 != 0, InOrder: bits&4 != 0,
		})
	}
	return list
}

func TestRequestsPutTogetherAreSeenTogether(t *testing.T) {
	for _, o := range formats(4) {
		putTogether(t, virtqtest.New(t, o))
	}
}

func putTogether(t *testing.T, d *virtqtest.Driver) {
	t.Helper()
	for round := range 20 { // over the ring's end, and the driver sees each round whole
		var tokens []virtqtest.Token
		for range 3 {
			tokens = append(tokens, d.Add(nil, []int{10}))
		}
		chains := take(t, d, 3)
		if err := d.Queue().PutTogether(chains, []uint32{10, 10, uint32(round % 10)}); err != nil {
			t.Fatal(err)
		}
		d.Queue().Flush()
		for i, token := range tokens {
			u, ok := d.Poll()
			if want := []uint32{10, 10, uint32(round % 10)}[i]; !ok || u.Token != token || u.Written != want {
				t.Fatalf("round %d: request %d: %v, %+v", round, i, ok, u)
			}
		}
	}
	if err := d.Queue().PutTogether(nil, nil); err != nil {
		t.Error(err)
	}
	if _, ok := d.Poll(); ok {
		t.Error("nothing was used, and something is")
	}
}

func TestNothingOfALotIsSeenBeforeItIsWhole(t *testing.T) {
	// In order: what was done together waits for what is older.
	for _, packed := range []bool{false, true} {
		d := virtqtest.New(t, virtqtest.Options{Size: 4, Packed: packed, InOrder: true})
		for range 3 {
			d.Add(nil, []int{10})
		}
		chains := take(t, d, 3)
		if err := d.Queue().PutTogether(chains[1:], []uint32{1, 2}); err != nil {
			t.Fatal(err)
		}
		if _, ok := d.Poll(); ok {
			t.Error("a request was used before an older one")
		}
		if err := d.Queue().Put(chains[0], 3); err != nil {
			t.Fatal(err)
		}
		for _, want := range []uint32{3, 1, 2} {
			if u, ok := d.Poll(); !ok || u.Written != want {
				t.Errorf("%v, %+v; want %d bytes", ok, u, want)
			}
		}
		if err := d.Queue().PutTogether(chains, []uint32{1, 2, 3}); err == nil {
			t.Error("chains were given back twice")
		}
	}
}

func TestRequestsThatWereUntakenComeAgain(t *testing.T) {
	for _, o := range formats(4) {
		untake(t, virtqtest.New(t, o))
	}
}

func untake(t *testing.T, d *virtqtest.Driver) {
	t.Helper()
	for round := range 20 {
		for i := range 4 {
			d.Add(nil, []int{10 + i})
		}
		chains := take(t, d, 4)
		if err := d.Queue().Put(chains[0], 0); err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			d.Queue().Untake(chains[3-i])
		}
		if p := d.Queue().Position(); p.Next != p.Used {
			t.Fatalf("round %d: position %+v", round, p)
		}
		for i, c := range take(t, d, 3) {
			if got := c.WritableLen(); got != uint64(11+i) {
				t.Errorf("round %d: request %d has room for %d bytes", round, i, got)
			}
			if err := d.Queue().Put(c, 0); err != nil {
				t.Fatal(err)
			}
		}
		for range 4 {
			if _, ok := d.Poll(); !ok {
				t.Fatal("a request is missing")
			}
		}
	}
}

func TestAQueueIsPutWhereAnotherStood(t *testing.T) {
	d := virtqtest.New(t, virtqtest.Options{Size: 4})
	for i := range 3 {
		d.Add(nil, []int{10 + i})
	}
	if err := d.Queue().Restore(virtq.Position{Next: 2, Used: 2}); err != nil {
		t.Fatal(err)
	}
	if c := take(t, d, 1)[0]; c.WritableLen() != 12 {
		t.Errorf("room for %d bytes", c.WritableLen())
	}
	if err := d.Queue().Restore(virtq.Position{Next: 5, Used: 0}); err == nil {
		t.Error("five requests under way in a ring of four")
	}
}
