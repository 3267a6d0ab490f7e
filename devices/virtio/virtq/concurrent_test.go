package virtq_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/hullvm/hull/devices/devicestest"
	"github.com/hullvm/hull/devices/virtio"
	"github.com/hullvm/hull/devices/virtio/virtq"
	"github.com/hullvm/hull/devices/virtio/virtqtest"
)

// A driver and a device run at the same time, and sleep whenever they may. A
// request that either loses, or wakes the other too late for, stops the test.
// Guest memory is outside the race detector's sight, so what came out is looked
// at.
func TestDriverAndDeviceRunAtTheSameTime(t *testing.T) {
	for bits := range 16 {
		o := virtqtest.Options{
			Size:   16,
			Packed: bits&1 != 0, EventIndex: bits&2 != 0, Indirect: bits&4 != 0, InOrder: bits&8 != 0,
		}
		t.Run(fmt.Sprintf("packed=%v event=%v indirect=%v inorder=%v", o.Packed, o.EventIndex, o.Indirect, o.InOrder), func(t *testing.T) {
			devicestest.CheckGoroutines(t)
			o.Rand = random(t)
			d := virtqtest.New(t, o)
			stop := startDevice(t, d.Queue(), o.Rand.Uint64())
			drive(t, d, o.Rand, 3000)
			stop()
		})
	}
}

// drive makes n requests, each with its number and random bytes.
func drive(t *testing.T, d *virtqtest.Driver, r *rand.Rand, n int) {
	pending := make(map[virtqtest.Token][]byte)
	take := func(u virtqtest.Used) {
		want, ok := pending[u.Token]
		if !ok || !bytes.Equal(u.Bytes(), want) {
			t.Fatalf("request %d: answer %x, want %x", u.Token, u.Bytes(), want)
		}
		delete(pending, u.Token)
	}
	for made := 0; made < n || len(pending) > 0; {
		for batch := 1 + r.IntN(8); batch > 0 && made < n; batch-- {
			p := binary.LittleEndian.AppendUint32(randomBytes(r, r.IntN(60)), uint32(made))
			cut := r.IntN(len(p))
			token, ok := d.Stage([][]byte{p[:cut], p[cut:]}, []int{cut, len(p) - cut})
			if !ok {
				break
			}
			pending[token] = p
			made++
		}
		d.Publish()
		d.Kick()
		for wait := r.IntN(8); wait > 0 && len(pending) > 0; wait-- {
			take(d.Wait(t))
		}
		if d.Room() < 2 {
			take(d.Wait(t))
		}
		if made == n && len(pending) > 0 {
			take(d.Wait(t))
		}
	}
}

// startDevice serves q in a goroutine: each request is answered with what it
// says, in any order. stop ends it.
func startDevice(t *testing.T, q *virtio.Queue, seed uint64) (stop func()) {
	kicks, err := virtio.NewKicks(q)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- answer(q, kicks, rand.New(rand.NewPCG(seed, 1))) }()
	return func() {
		kicks.Interrupt()
		if err := <-ended; err != nil && !errors.Is(err, virtio.ErrInterrupted) {
			t.Errorf("device: %v", err)
		}
		if err := kicks.Close(); err != nil {
			t.Error(err)
		}
	}
}

func answer(q *virtio.Queue, kicks *virtio.Kicks, r *rand.Rand) error {
	var taken []*virtq.Chain
	for {
		if err := q.KicksOff(); err != nil {
			return err
		}
		for {
			c := new(virtq.Chain)
			ok, err := q.Next(c)
			if err != nil {
				return err
			}
			if ok {
				taken = append(taken, c)
			}
			if ok && r.IntN(4) > 0 {
				continue // take more first
			}
			for len(taken) > 0 && (!ok || r.IntN(3) > 0) {
				i := r.IntN(len(taken))
				if err := copyBack(q, taken[i], r); err != nil {
					return err
				}
				taken = append(taken[:i], taken[i+1:]...)
			}
			if !ok {
				break
			}
		}
		q.Flush()
		more, err := q.KicksOn()
		if err != nil {
			return err
		}
		if more {
			continue
		}
		if err := kicks.Wait(); err != nil {
			return err
		}
	}
}

func copyBack(q *virtio.Queue, c *virtq.Chain, r *rand.Rand) error {
	p := make([]byte, c.ReadableLen())
	if _, err := virtq.CopyFrom(q.Memory(), p, c.Readable, 0); err != nil {
		return err
	}
	if _, err := virtq.CopyTo(q.Memory(), p, c.Writable, 0); err != nil {
		return err
	}
	if r.IntN(2) == 0 {
		return q.Put(c, uint32(len(p)))
	}
	return q.Complete(c, uint32(len(p)))
}

// Chains that were given back together are seen together, whenever the driver
// looks.
func TestADriverSeesAllOfAFrameOrNothing(t *testing.T) {
	for _, o := range []virtqtest.Options{{}, {InOrder: true}, {Packed: true}, {Packed: true, InOrder: true}} {
		o.Size = 10 // rounds begin anywhere in a packed ring
		if !o.Packed {
			o.Size = 16
		}
		d := virtqtest.New(t, o)
		begin, ended := make(chan struct{}), make(chan error, 1)
		go func() {
			chains := []*virtq.Chain{new(virtq.Chain), new(virtq.Chain), new(virtq.Chain)}
			for range begin {
				for _, c := range chains {
					if ok, err := d.Queue().Next(c); !ok || err != nil {
						ended <- fmt.Errorf("next: %v, %w", ok, err)
						return
					}
				}
				if err := d.Queue().PutTogether(chains, []uint32{1, 0, 2}); err != nil {
					ended <- err
					return
				}
			}
			ended <- nil
		}()
		deadline := time.After(10 * time.Second)
		for range 500 {
			for range 3 {
				d.Add(nil, []int{2})
			}
			begin <- struct{}{}
			for seen := 0; seen < 3; {
				select {
				case err := <-ended:
					t.Fatal(err)
				case <-deadline:
					t.Fatalf("%+v: the driver saw %d of 3", o, seen)
				default:
				}
				u, ok := d.Poll()
				if !ok && seen > 0 {
					t.Fatalf("%+v: the driver saw %d of 3", o, seen)
				}
				if !ok {
					runtime.Gosched()
					continue
				}
				if want := []uint32{1, 0, 2}[seen]; u.Written != want {
					t.Fatalf("%+v: %d bytes written, want %d", o, u.Written, want)
				}
				seen++
			}
		}
		close(begin)
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
	}
}
