package balloon

import (
	"context"
	"encoding/binary"
	"errors"
	"maps"
	"testing"

	"github.com/hullvm/hull/devices/devicestest"
	"github.com/hullvm/hull/devices/virtio/virtqtest"
)

// stat is one statistic in a driver's buffer.
func stat(tag Tag, v uint64) []byte {
	return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint16(nil, uint16(tag)), v)
}

// statsRig is a balloon with a driver that gives statistics.
type statsRig struct {
	device *Device
	active *virtqtest.Active
	driver *virtqtest.Driver
}

func newStatsRig(t *testing.T, o virtqtest.Options) *statsRig {
	t.Helper()
	o.Index = 2
	r := &statsRig{device: newBalloon(t, Config{Statistics: true}), driver: virtqtest.New(t, o)}
	r.active = virtqtest.Activate(t, r.device, FeatureStatistics, nil, nil, r.driver)
	return r
}

// put is what a driver does when it has no buffer in the queue: statistics as of
// now.
func (r *statsRig) put(parts ...[]byte) {
	r.driver.Add(parts, nil)
	r.driver.Kick()
}

type answer struct {
	stats Stats
	err   error
}

func (r *statsRig) ask(ctx context.Context) chan answer {
	c := make(chan answer, 1)
	go func() {
		s, err := r.device.Stats(ctx)
		c <- answer{s, err}
	}()
	return c
}

func TestStatisticsAreFresh(t *testing.T) {
	devicestest.CheckGoroutines(t)
	for _, o := range []virtqtest.Options{{}, {EventIndex: true}, {Packed: true}, {Packed: true, EventIndex: true, InOrder: true}} {
		r := newStatsRig(t, o)
		now := uint64(0)
		r.put(stat(MemoryFree, now))
		for range 5 {
			asked := r.ask(t.Context())
			r.driver.Wait(t)
			now++
			r.put(stat(MemoryFree, now), stat(MemoryTotal, 100)[:3], stat(MemoryTotal, 100)[3:])
			a := <-asked
			want := Stats{MemoryFree: now, MemoryTotal: 100}
			if a.err != nil || !maps.Equal(a.stats, want) {
				t.Fatalf("statistics are %v, %v; want %v", a.stats, a.err, want)
			}
			if at := r.driver.Queue().Position(); at.Next != at.Used || r.driver.Pending() != 1 {
				t.Errorf("between two calls the queue is at %+v with %d buffers", at, r.driver.Pending())
			}
		}
		r.active.Deactivate()
	}
}

func TestStatisticsWaitForTheDriver(t *testing.T) {
	devicestest.CheckGoroutines(t)
	r := newStatsRig(t, virtqtest.Options{})
	asked := r.ask(t.Context())
	r.put(stat(SwapIn, 2))
	r.driver.Wait(t)
	r.put(stat(SwapIn, 3))
	if a := <-asked; a.err != nil || a.stats[SwapIn] != 3 {
		t.Errorf("statistics are %v, %v", a.stats, a.err)
	}
}

func TestWaitingForStatisticsCanBeEnded(t *testing.T) {
	devicestest.CheckGoroutines(t)
	for name, c := range map[string]struct {
		end  func(*statsRig, context.CancelFunc)
		want error
	}{
		"by the context": {func(_ *statsRig, cancel context.CancelFunc) { cancel() }, context.Canceled},
		"by a pause":     {func(r *statsRig, _ context.CancelFunc) { r.device.Pause() }, ErrPaused},
		"by a reset":     {func(r *statsRig, _ context.CancelFunc) { r.active.Deactivate() }, ErrInactive},
	} {
		t.Run(name, func(t *testing.T) {
			r := newStatsRig(t, virtqtest.Options{})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			r.put(stat(SwapIn, 1))
			asked := r.ask(ctx)
			r.driver.Wait(t) // and then does nothing
			second := r.ask(ctx)
			c.end(r, cancel)
			for _, asked := range []chan answer{asked, second} {
				if a := <-asked; !errors.Is(a.err, c.want) {
					t.Errorf("error is %v, want %v", a.err, c.want)
				}
			}
			if _, err := r.device.Stats(ctx); !errors.Is(err, c.want) {
				t.Errorf("asked again: error is %v, want %v", err, c.want)
			}
			if name == "by a reset" {
				return
			}
			r.device.Resume()
			asked = r.ask(t.Context())
			r.put(stat(SwapIn, 8))
			r.driver.Wait(t)
			r.put(stat(SwapIn, 9))
			if a := <-asked; a.err != nil || a.stats[SwapIn] != 9 {
				t.Errorf("later: %v, %v", a.stats, a.err)
			}
		})
	}
}

func TestStatisticsOfABalloonWithout(t *testing.T) {
	device := newBalloon(t, Config{})
	if _, err := device.Stats(t.Context()); !errors.Is(err, ErrInactive) {
		t.Errorf("not active: %v", err)
	}
	virtqtest.Activate(t, device, 0, virtqtest.New(t, virtqtest.Options{}))
	if _, err := device.Stats(t.Context()); !errors.Is(err, ErrInactive) {
		t.Errorf("not offered: %v", err)
	}
}

func TestStatisticsThatAreNone(t *testing.T) {
	r := newStatsRig(t, virtqtest.Options{})
	exchange := func(add func()) answer {
		asked := r.ask(t.Context())
		if r.driver.Pending() == 0 {
			r.put(stat(SwapIn, 1))
		}
		r.driver.Wait(t)
		add()
		r.driver.Kick()
		return <-asked
	}
	if a := exchange(func() { r.driver.AddBuffers(virtqtest.Buffer{Addr: 1 << 40, Len: 100}) }); a.err != nil || len(a.stats) != 0 || r.device.Counters().Refused != 1 {
		t.Errorf("outside of memory: %v, %v, counted %+v", a.stats, a.err, r.device.Counters())
	}
	if a := exchange(func() { r.driver.Add([][]byte{make([]byte, 9)}, []int{10}) }); a.err != nil || len(a.stats) != 0 {
		t.Errorf("too short: %v, %v", a.stats, a.err)
	}
	many := func() {
		var p []byte
		for i := range 1000 {
			p = append(p, stat(Tag(i), 1)...)
		}
		r.driver.Add([][]byte{p}, nil)
	}
	if a := exchange(many); a.err != nil || len(a.stats) != maxStats {
		t.Errorf("too many: %d, %v", len(a.stats), a.err)
	}
	r.driver.Split().PutAvail(1000)
	if _, err := r.device.Stats(t.Context()); err == nil {
		t.Error("statistics came of a broken ring")
	}
	t.Log(r.active.WaitBroken(t))
}
