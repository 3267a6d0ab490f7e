package virtio_test

import (
	"sync"
	"testing"

	"github.com/hullvm/hull/devices/virtio/virtq"
	"github.com/hullvm/hull/devices/virtio/virtqtest"
)

func bothFormats(t *testing.T, o virtqtest.Options, f func(t *testing.T, d *virtqtest.Driver)) {
	for _, o.Packed = range []bool{false, true} {
		name := "split"
		if o.Packed {
			name = "packed"
		}
		t.Run(name, func(t *testing.T) { f(t, virtqtest.New(t, o)) })
	}
}

func TestCompleteInterruptsWhenTheDriverWantsIt(t *testing.T) {
	bothFormats(t, virtqtest.Options{}, func(t *testing.T, d *virtqtest.Driver) {
		for i, on := range []bool{true, false, false, true, true} {
			d.Interrupts(on)
			d.Add(nil, []int{1})
			c := take(t, d, 1)[0]
			before := d.Interrupt.Count()
			if err := d.Queue().Complete(c, 1); err != nil {
				t.Fatal(err)
			}
			if got := d.Interrupt.Count() - before; got != 1 && on || got != 0 && !on {
				t.Errorf("request %d: %d interrupts, wanted %v", i, got, on)
			}
		}
	})
}

func TestFlushInterruptsOnceForWhatWasPut(t *testing.T) {
	bothFormats(t, virtqtest.Options{EventIndex: true}, func(t *testing.T, d *virtqtest.Driver) {
		d.Queue().Flush()
		if d.Interrupt.Count() != 0 {
			t.Fatal("an interrupt for nothing")
		}
		for range 3 {
			d.Add(nil, []int{1})
		}
		for _, c := range take(t, d, 3) {
			if err := d.Queue().Put(c, 1); err != nil {
				t.Fatal(err)
			}
		}
		if d.Interrupt.Count() != 0 {
			t.Error("Put interrupted")
		}
		d.Queue().Flush()
		d.Queue().Flush()
		if got := d.Interrupt.Count(); got != 1 {
			t.Errorf("%d interrupts, want 1", got)
		}
		for range 3 {
			d.Wait(t)
		}
	})
}

func TestKicksOnTellsOfWhatIsThere(t *testing.T) {
	bothFormats(t, virtqtest.Options{EventIndex: true}, func(t *testing.T, d *virtqtest.Driver) {
		on := func(want bool) {
			t.Helper()
			if more, err := d.Queue().KicksOn(); more != want || err != nil {
				t.Fatalf("KicksOn: %v, %v; want %v", more, err, want)
			}
		}
		on(false)
		d.Add(nil, []int{1})
		on(true)
		take(t, d, 1)
		on(false)
		d.Add(nil, []int{1})
		if !d.Kick() {
			t.Error("the driver does not notify")
		}
	})
}

func TestABrokenQueueInterruptsNobody(t *testing.T) {
	d := virtqtest.New(t, virtqtest.Options{})
	d.Add(nil, []int{1})
	c := take(t, d, 1)[0]
	d.Split().PutAvail(500)
	if ok, err := d.Queue().Next(new(virtq.Chain)); ok || err == nil {
		t.Fatalf("Next: %v, %v", ok, err)
	}
	if err := d.Queue().Complete(c, 1); err == nil {
		t.Error("Complete on a broken queue gives no error")
	}
	if _, err := d.Queue().KicksOn(); err == nil {
		t.Error("KicksOn on a broken queue gives no error")
	}
	d.Queue().Flush()
	if got := d.Interrupt.Count(); got != 0 {
		t.Errorf("%d interrupts", got)
	}
}

// Many goroutines complete what one takes; the driver, which sleeps between,
// gets every request once.
func TestAnyGoroutineMayComplete(t *testing.T) {
	for _, inOrder := range []bool{false, true} {
		bothFormats(t, virtqtest.Options{Size: 32, EventIndex: true, InOrder: inOrder}, func(t *testing.T, d *virtqtest.Driver) {
			chains := make(chan *virtq.Chain, 32)
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() {
					for c := range chains {
						if err := d.Queue().Complete(c, uint32(c.WritableLen())); err != nil {
							t.Error(err)
						}
					}
				})
			}
			for range 100 {
				want := make(map[virtqtest.Token]uint32)
				for i := range 32 {
					want[d.Add(nil, []int{i})] = uint32(i)
				}
				for _, c := range take(t, d, 32) {
					chains <- c
				}
				for range 32 {
					u := d.Wait(t)
					if n, ok := want[u.Token]; !ok || n != u.Written {
						t.Fatalf("request %d: %d bytes written, want %d", u.Token, u.Written, n)
					}
					delete(want, u.Token)
				}
			}
			close(chains)
			wg.Wait()
		})
	}
}
