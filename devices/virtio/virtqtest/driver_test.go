package virtqtest

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/hullvm/hull/devices/devicestest"
	"github.com/hullvm/hull/devices/virtio"
	"github.com/hullvm/hull/devices/virtio/virtq"
	"github.com/hullvm/hull/mem"
)

// eachFormat runs a test for every combination of ring features.
func eachFormat(t *testing.T, f func(t *testing.T, o Options)) {
	for bits := range 16 {
		o := Options{Packed: bits&1 != 0, EventIndex: bits&2 != 0, Indirect: bits&4 != 0, InOrder: bits&8 != 0}
		name := "split"
		if o.Packed {
			name = "packed"
		}
		name = fmt.Sprintf("%s event=%v indirect=%v inorder=%v", name, o.EventIndex, o.Indirect, o.InOrder)
		t.Run(name, func(t *testing.T) { f(t, o) })
	}
}

func TestADeviceAnswersThroughItsQueue(t *testing.T) {
	eachFormat(t, func(t *testing.T, o Options) {
		devicestest.CheckGoroutines(t)
		o.Size = 8
		d := New(t, o)
		Activate(t, new(echo), 0, d)
		for i := range 50 {
			used := d.Do(t, [][]byte{{byte(i), 1}, {2, 3, 4}}, []int{1, 7})
			if want := []byte{byte(i), 1, 2, 3, 4}; !bytes.Equal(used.Bytes(), want) || used.Written != 5 {
				t.Fatalf("request %d: device wrote %d bytes, %x, want %x", i, used.Written, used.Bytes(), want)
			}
			if want := []byte{1, 2, 3, 4, poison, poison, poison}; !bytes.Equal(used.Writable[1], want) {
				t.Fatalf("request %d: second buffer is %x, want %x", i, used.Writable[1], want)
			}
		}
	})
}

func TestEveryRequestOfManyIsAnsweredOnce(t *testing.T) {
	eachFormat(t, func(t *testing.T, o Options) {
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		o.Rand = rand.New(rand.NewPCG(seed, 0))
		d := New(t, o)
		Activate(t, new(echo), 0, d)
		want := make(map[Token][]byte)
		for range 300 {
			p := make([]byte, 1+o.Rand.IntN(100))
			for i := range p {
				p[i] = byte(o.Rand.Uint32())
			}
			cut := o.Rand.IntN(len(p))
			for {
				token, ok := d.TryAdd([][]byte{p[:cut], p[cut:]}, []int{len(p) - cut, cut})
				d.Kick()
				if ok {
					want[token] = p
					break
				}
				checkUsed(t, d.Wait(t), want)
			}
		}
		for d.Pending() > 0 {
			checkUsed(t, d.Wait(t), want)
		}
		if len(want) > 0 {
			t.Errorf("%d requests were not answered", len(want))
		}
	})
}

func checkUsed(t *testing.T, u Used, want map[Token][]byte) {
	t.Helper()
	p, ok := want[u.Token]
	if !ok || !bytes.Equal(u.Bytes(), p) {
		t.Fatalf("request %d: answer is %x, want %x", u.Token, u.Bytes(), p)
	}
	delete(want, u.Token)
}

func TestDriversShareMemory(t *testing.T) {
	m := NewMemory(t, 4<<20)
	a, b := New(t, Options{Memory: m}), New(t, Options{Memory: m, Index: 2, EventIndex: true})
	active := Activate(t, new(echo), 0, a, nil, b)
	if active.Activation.Queues[1] != nil || active.Activation.Queues[2].Index != 2 {
		t.Fatal("queues are not where their drivers were put")
	}
	for i := range byte(20) {
		ta, tb := a.Add([][]byte{{i}}, []int{1}), b.Add([][]byte{{i, i}}, []int{2})
		a.Kick()
		b.Kick()
		if ua := a.WaitFor(t, ta); !bytes.Equal(ua.Bytes(), []byte{i}) {
			t.Fatalf("first queue's answer is %x", ua.Bytes())
		}
		if ub := b.WaitFor(t, tb); !bytes.Equal(ub.Bytes(), []byte{i, i}) {
			t.Fatalf("second queue's answer is %x", ub.Bytes())
		}
	}
}

func TestABrokenDriverIsReported(t *testing.T) {
	d := New(t, Options{})
	a := Activate(t, new(echo), 0, d)
	d.Split().PutAvail(1000)
	d.Queue().Kick()
	var broken *virtq.BrokenError
	if err := a.WaitBroken(t); !errors.As(err, &broken) {
		t.Errorf("error is %v, want a BrokenError", err)
	}
}

func TestABufferOutsideMemoryReachesTheDevice(t *testing.T) {
	d := New(t, Options{})
	a := Activate(t, new(echo), 0, d)
	d.AddBuffers(Buffer{Addr: 1 << 40, Len: 1}, Buffer{Addr: 1 << 41, Len: 1, Write: true})
	d.Kick()
	var access *mem.AccessError
	if err := a.WaitBroken(t); !errors.As(err, &access) || access.Addr != 1<<40 {
		t.Errorf("error is %v, want an AccessError at %#x", err, 1<<40)
	}
}

func TestStagedRequestsAreSeenTogether(t *testing.T) {
	eachFormat(t, func(t *testing.T, o Options) {
		d := New(t, o)
		for range 3 {
			if _, ok := d.Stage([][]byte{{1}, {2}}, nil); !ok {
				t.Fatal("no room")
			}
		}
		var c virtq.Chain
		if ok, err := d.Queue().Next(&c); ok || err != nil {
			t.Fatalf("staged request: ok %v, error %v", ok, err)
		}
		d.Publish()
		for range 3 {
			if ok, err := d.Queue().Next(&c); !ok || err != nil {
				t.Fatalf("published request: ok %v, error %v", ok, err)
			}
		}
	})
}

func TestInterruptsCanBeOff(t *testing.T) {
	eachFormat(t, func(t *testing.T, o Options) {
		d := New(t, o)
		d.Interrupts(false)
		d.Add(nil, []int{1})
		d.Add(nil, []int{1})
		var c virtq.Chain
		complete := func() {
			t.Helper()
			if ok, err := d.Queue().Next(&c); !ok || err != nil {
				t.Fatal(ok, err)
			}
			if err := d.Queue().Complete(&c, 0); err != nil {
				t.Fatal(err)
			}
		}
		complete() // the first may interrupt: the device knows of nothing before
		n := d.Interrupt.Count()
		complete()
		if got := d.Interrupt.Count(); got != n {
			t.Errorf("%d interrupts while they were off", got-n)
		}
		d.Wait(t)
		d.Wait(t) // both are there, no interrupt needed
		d.Add(nil, []int{1})
		complete()
		if got := d.Interrupt.Count(); got != n+1 {
			t.Errorf("%d interrupts once they were on, want 1", got-n)
		}
	})
}

func TestAllocationsDoNotOverlap(t *testing.T) {
	m := NewMemory(t, 1<<20)
	r := rand.New(rand.NewPCG(1, 2))
	type block struct {
		at mem.Addr
		n  uint64
	}
	var blocks []block
	for range 2000 {
		if len(blocks) > 20 {
			i := r.IntN(len(blocks))
			m.Free(blocks[i].at, blocks[i].n)
			blocks = append(blocks[:i], blocks[i+1:]...)
		}
		b := block{n: r.Uint64N(3000)}
		b.at = m.Alloc(b.n)
		for _, other := range blocks {
			if b.at < other.at+mem.Addr(other.n) && other.at < b.at+mem.Addr(b.n) {
				t.Fatalf("%+v overlaps %+v", b, other)
			}
		}
		blocks = append(blocks, b)
	}
}

var _ virtio.Device = (*echo)(nil)

func TestADriverGoesOnFromAPosition(t *testing.T) {
	eachFormat(t, func(t *testing.T, o Options) {
		for _, o.Start = range []uint64{1, 8, 12, 65535} {
			o.Size = 8
			d := New(t, o)
			Activate(t, new(echo), 0, d)
			for i := range byte(20) {
				if used := d.Do(t, [][]byte{{i}}, []int{1}); !bytes.Equal(used.Bytes(), []byte{i}) {
					t.Fatalf("from %d on, request %d: answer is %x", o.Start, i, used.Bytes())
				}
			}
		}
	})
}
