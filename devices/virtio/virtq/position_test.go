package virtq_test

import (
	"testing"

	"github.com/hullvm/hull/devices/virtio/virtq"
	"github.com/hullvm/hull/devices/virtio/virtqtest"
)

func TestPositionsThatCannotBeAreRefused(t *testing.T) {
	const wrap = 1 << 15
	for _, test := range []struct {
		name   string
		packed bool
		p      virtq.Position
		ok     bool
	}{
		{"the beginning", false, virtq.Position{}, true},
		{"a full ring under way", false, virtq.Position{Next: 4, Used: 0xfffc}, true},
		{"more than a ring", false, virtq.Position{Next: 5, Used: 0xfffc}, false},
		{"used before taken", false, virtq.Position{Next: 4, Used: 5}, false},

		{"the beginning", true, virtq.Position{Next: wrap, Used: wrap}, true},
		{"the second lap", true, virtq.Position{Next: 3, Used: 3}, true},
		{"some under way", true, virtq.Position{Next: wrap | 7, Used: wrap | 2}, true},
		{"some under way across the end", true, virtq.Position{Next: 2, Used: wrap | 7}, true},
		{"a full ring under way", true, virtq.Position{Next: 3, Used: wrap | 3}, true},
		{"more than a ring", true, virtq.Position{Next: 4, Used: wrap | 3}, false},
		{"used before taken", true, virtq.Position{Next: 3, Used: 4}, false},
		{"taken outside the ring", true, virtq.Position{Next: 8, Used: 3}, false},
		{"used outside the ring", true, virtq.Position{Next: 3, Used: wrap | 8}, false},
	} {
		_, q := open(t, virtqtest.Options{Packed: test.packed})
		before := q.Position()
		err := q.Restore(test.p)
		if test.ok != (err == nil) {
			t.Errorf("%s, packed %v: error %v, want one: %v", test.name, test.packed, err, !test.ok)
		}
		want := test.p
		if !test.ok {
			want = before
		}
		if q.Position() != want {
			t.Errorf("%s, packed %v: position %+v, want %+v", test.name, test.packed, q.Position(), want)
		}
	}
}

// A request that is kept over a move is taken back first and found again.
func TestARequestThatIsKeptOverAMoveIsTakenAgain(t *testing.T) {
	for _, packed := range []bool{false, true} {
		d, q := open(t, virtqtest.Options{Packed: packed, InOrder: true})
		d.Add([][]byte{{1}}, []int{1})
		d.Add([][]byte{{2}, {3}}, []int{1})
		var first, second virtq.Chain
		for _, c := range []*virtq.Chain{&first, &second} {
			if ok, err := q.Next(c); !ok || err != nil {
				t.Fatal(ok, err)
			}
		}
		if err := q.Done(&first, 1); err != nil {
			t.Fatal(err)
		}
		q.Untake(&second)
		moved, err := virtq.New(d.Memory.Guest, d.Layout(), d.RingOptions())
		if err != nil {
			t.Fatal(err)
		}
		if err := moved.Restore(q.Position()); err != nil {
			t.Fatal(err)
		}
		var again virtq.Chain
		if ok, err := moved.Next(&again); !ok || err != nil || !equal(again.Readable, second.Readable) {
			t.Errorf("packed %v: Next %v, error %v: %v, want %v", packed, ok, err, again.Readable, second.Readable)
		}
		if err := moved.Done(&again, 1); err != nil {
			t.Error(err)
		}
		for i := 1; i <= 2; i++ {
			if u, ok := d.Poll(); !ok || u.Token != virtqtest.Token(i) {
				t.Errorf("packed %v: driver got request %d, want %d", packed, u.Token, i)
			}
		}
	}
}
