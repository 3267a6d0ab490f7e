package virtio_test

import (
	"fmt"
	"testing"

	"github.com/hullvm/hull/devices/devicestest"
	"github.com/hullvm/hull/devices/virtio/virtqtest"
)

func TestAWorkerOfAHeldQueueIsParkedUntilItIsResumed(t *testing.T) {
	checkDescriptors(t)
	devicestest.CheckGoroutines(t)
	d := virtqtest.New(t, virtqtest.Options{EventIndex: true})
	d.Add(nil, []int{1})
	d.Queue().Kick()
	d.Queue().Hold(true)
	s := serveOn(t, d, nil)
	s.Pause() // which is known to wait until it is parked
	if _, ok := d.Poll(); ok || s.calls.Load() != 0 {
		t.Fatal("a worker of a queue that is held served")
	}
	if d.Queue().Hold(false); s.calls.Load() != 0 {
		t.Fatal("the queue let the worker go on")
	}
	s.Resume()
	d.Wait(t)

	s.Stop() // and one that begins later is not parked
	again := serveOn(t, d, nil)
	again.do(t)

	again.Stop()
	d.Queue().Hold(true)
	s = serveOn(t, d, nil)
	s.Stop() // it never ran
	if s.calls.Load() != 0 {
		t.Error("a worker served that was stopped before it was resumed")
	}
}

// Requests are answered, half of those that follow as well, and the rest is left
// to a worker that has the guest as it stood then.
func TestAQueueGoesOnInACopyOfItsGuest(t *testing.T) {
	for bits := range 8 {
		o := virtqtest.Options{Size: 8, Packed: bits&1 != 0, EventIndex: bits&2 != 0, InOrder: bits&4 != 0}
		t.Run(fmt.Sprintf("%+v", o), func(t *testing.T) {
			s := startServed(t, o, nil)
			for range 21 { // past the ring's end
				s.do(t)
			}
			s.Pause()
			for range 4 {
				s.d.Add([][]byte{{1}}, []int{1})
			}
			s.d.Kick() // and this is lost

			moved := s.d.Move(t, s.d.Memory.Copy(t))
			moved.Queue().Hold(true)
			there := serveOn(t, moved, nil)
			for _, one := range []*served{there, s} {
				one.Resume() // and is not needed
				for range 4 {
					one.d.Wait(t)
				}
				for range 20 {
					one.do(t)
				}
				if n := one.d.Pending(); n != 0 {
					t.Errorf("%d requests are under way", n)
				}
			}
			if n := moved.Interrupt.Count(); n == 0 {
				t.Error("no interrupt")
			}
		})
	}
}
