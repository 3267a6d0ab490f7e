package virtq_test

import (
	"testing"

	"github.com/hullvm/hull/devices/virtio/virtq"
	"github.com/hullvm/hull/devices/virtio/virtqtest"
)

func TestAvailableIndicesThatJumpAreRefused(t *testing.T) {
	for _, test := range []struct {
		name        string
		taken, used int // of 5 requests, before
		index       uint16
		want        string // in the error
		wantReady   bool
	}{
		{name: "a ring and one ahead", index: 9, want: "available index 9"},
		{name: "far ahead", index: 0x8000, want: "available index 32768"},
		{name: "back by one", taken: 5, index: 4, want: "available index 4"},
		{name: "back before what was used", taken: 5, used: 5, index: 4, want: "available index 4"},
		{name: "ahead of what is under way", taken: 5, index: 9, want: "available index 9"},
		{name: "a full ring under way", taken: 5, index: 8, wantReady: true},
		{name: "a ring ahead of what was used", taken: 5, used: 5, index: 13, wantReady: true},
		{name: "a ring and one ahead of what was used", taken: 5, used: 5, index: 14, want: "available index 14"},
		{name: "where it is", taken: 5, index: 5},
	} {
		t.Run(test.name, func(t *testing.T) {
			d, q := open(t, virtqtest.Options{})
			for range 5 {
				d.Add(nil, []int{1})
			}
			var taken []*virtq.Chain
			for range test.taken {
				c := new(virtq.Chain)
				if ok, err := q.Next(c); !ok || err != nil {
					t.Fatal(ok, err)
				}
				taken = append(taken, c)
			}
			for _, c := range taken[:test.used] {
				if err := q.Done(c, 0); err != nil {
					t.Fatal(err)
				}
			}
			d.Split().PutAvail(test.index)
			if test.want != "" {
				wantBroken(t, q, test.want)
				return
			}
			if ok, err := q.Ready(); ok != test.wantReady || err != nil {
				t.Errorf("Ready: %v, error %v", ok, err)
			}
		})
	}
}

// A driver that makes available again what it was not given back must not get
// the device to take more and more.
func TestNoMoreIsUnderWayThanTheRingHolds(t *testing.T) {
	t.Run("split", func(t *testing.T) {
		d, q := open(t, virtqtest.Options{})
		for i := range uint16(8) {
			d.Split().PutAvailEntry(i, 0) // the same, eight times
		}
		d.Split().PutAvail(8)
		for i := range 8 {
			if ok, err := q.Next(new(virtq.Chain)); !ok || err != nil {
				t.Fatalf("request %d: %v, error %v", i, ok, err)
			}
		}
		d.Split().PutAvail(9)
		wantBroken(t, q, "available index 9")
	})
	t.Run("packed", func(t *testing.T) {
		d, q := open(t, virtqtest.Options{Packed: true})
		p := d.Packed()
		for i := range uint16(8) {
			p.PutDescriptor(i, virtqtest.PackedDescriptor{Flags: virtqtest.FlagAvail})
		}
		for i := range 8 {
			if ok, err := q.Next(new(virtq.Chain)); !ok || err != nil {
				t.Fatalf("request %d: %v, error %v", i, ok, err)
			}
		}
		if ok, err := q.Ready(); ok || err != nil {
			t.Fatalf("Ready: %v, error %v", ok, err)
		}
		p.PutFlags(0, virtqtest.FlagUsed) // available in the second lap
		wantBroken(t, q, "all under way")
	})
	t.Run("packed chains", func(t *testing.T) {
		d, q := open(t, virtqtest.Options{Packed: true})
		p := d.Packed()
		for i := range uint16(8) {
			p.PutDescriptor(i, virtqtest.PackedDescriptor{Flags: virtqtest.FlagAvail})
		}
		for range 6 {
			if ok, err := q.Next(new(virtq.Chain)); !ok || err != nil {
				t.Fatal(ok, err)
			}
		}
		p.PutFlags(6, virtqtest.FlagAvail|next)
		p.PutFlags(7, virtqtest.FlagAvail|next)
		p.PutFlags(0, virtqtest.FlagUsed)
		wantBroken(t, q, "longer than what is left")
	})
}

// Only the pair of flags that belongs to the lap shows a packed descriptor.
func TestWrapBitsThatLieShowNothing(t *testing.T) {
	for lap := range 4 {
		d, q := open(t, virtqtest.Options{Packed: true})
		for range lap {
			for range 8 {
				d.Add(nil, []int{1})
				var c virtq.Chain
				if ok, err := q.Next(&c); !ok || err != nil {
					t.Fatal(ok, err)
				}
				if err := q.Done(&c, 1); err != nil {
					t.Fatal(err)
				}
				if _, ok := d.Poll(); !ok {
					t.Fatal("not used")
				}
			}
		}
		shown := uint16(virtqtest.FlagAvail)
		if lap%2 == 1 {
			shown = virtqtest.FlagUsed
		}
		for _, flags := range []uint16{0, virtqtest.FlagAvail, virtqtest.FlagUsed, virtqtest.FlagAvail | virtqtest.FlagUsed} {
			d.Packed().PutFlags(0, flags)
			if ok, err := q.Ready(); ok != (flags == shown) || err != nil {
				t.Errorf("lap %d, flags %#x: Ready %v, error %v", lap, flags, ok, err)
			}
		}
	}
}

// Events that point nowhere cost at most a needless interrupt.
func TestEventsThatPointNowhereAreAbsorbed(t *testing.T) {
	for _, flags := range []uint16{virtqtest.EventEnable, virtqtest.EventDisable, virtqtest.EventDesc, 3, 0xffff, 0xfffd} {
		for _, off := range []uint16{0, 7, 8, 0x7fff, 0x8000, 0x8007, 0x8008, 0xffff} {
			d, q := open(t, virtqtest.Options{Packed: true, EventIndex: true})
			for i := range 20 {
				d.Add(nil, []int{1})
				var c virtq.Chain
				if ok, err := q.Next(&c); !ok || err != nil {
					t.Fatal(ok, err)
				}
				if err := q.Done(&c, 1); err != nil {
					t.Fatal(err)
				}
				d.Packed().PutDriverEvent(virtqtest.Event{Off: off, Flags: flags})
				wanted := q.InterruptWanted()
				switch flags & 3 {
				case virtqtest.EventDisable:
					if wanted {
						t.Errorf("flags %#x: interrupt at %d", flags, i)
					}
				case virtqtest.EventEnable, 3:
					if !wanted {
						t.Errorf("flags %#x: no interrupt at %d", flags, i)
					}
				}
				if _, ok := d.Poll(); !ok {
					t.Fatal("not used")
				}
			}
		}
	}
}

func TestEventPositionsCountOnlyIfNegotiated(t *testing.T) {
	d, q := open(t, virtqtest.Options{Packed: true})
	d.Packed().PutDriverEvent(virtqtest.Event{Off: 0x8005, Flags: virtqtest.EventDesc})
	d.Add(nil, []int{1})
	var c virtq.Chain
	if ok, err := q.Next(&c); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if err := q.Done(&c, 0); err != nil || !q.InterruptWanted() {
		t.Errorf("no interrupt, error %v", err)
	}
}

// What a device does wrong itself is an error as well, and no memory is touched.
func TestAChainIsGivenBackOnce(t *testing.T) {
	for _, o := range []virtqtest.Options{{}, {InOrder: true}, {Packed: true}, {Packed: true, InOrder: true}} {
		o.Memory = virtqtest.NewMemory(t, 1<<15)
		d, q := open(t, o)
		d.Add(nil, []int{1})
		var c virtq.Chain
		if ok, err := q.Next(&c); !ok || err != nil {
			t.Fatal(ok, err)
		}
		if err := q.Done(&c, 1); err != nil {
			t.Fatal(err)
		}
		before := contents(t, d.Memory.Guest)
		if err := q.Done(&c, 1); err == nil {
			t.Errorf("%+v: the chain was given back twice", o)
		}
		if string(before) != string(contents(t, d.Memory.Guest)) {
			t.Errorf("%+v: memory changed", o)
		}
	}
}

func TestClosedMemoryBreaksTheRing(t *testing.T) {
	for _, packed := range []bool{false, true} {
		d, q := open(t, virtqtest.Options{Packed: packed})
		d.Add(nil, []int{1})
		d.Add(nil, []int{1})
		var c virtq.Chain
		if ok, err := q.Next(&c); !ok || err != nil {
			t.Fatal(ok, err)
		}
		if err := q.Done(&c, 1); err != nil {
			t.Fatal(err)
		}
		if err := d.Memory.Close(); err != nil {
			t.Fatal(err)
		}
		if !q.InterruptWanted() {
			t.Error("a ring that cannot be read does not want an interrupt")
		}
		if ok, err := q.Next(&c); ok || err == nil {
			t.Errorf("Next: %v, error %v", ok, err)
		}
	}
}
