package blk

import (
	"bytes"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/hullvm/hull/devices/devicestest"
	"github.com/hullvm/hull/devices/virtio/virtqtest"
	"github.com/hullvm/hull/internal/ratelimit"
)

// sectors of the model's disk, few, so that requests meet.
const modelSectors = 256

// model is a driver that keeps its own idea of what a part of the disk holds,
// and never has two requests at once for a sector that one of them changes.
type model struct {
	*virtqtest.Driver
	rand     *rand.Rand
	first, n int // its part of the disk, in sectors
	content  []byte
	busy     []bool
	ops      map[virtqtest.Token]op
}

type op struct {
	kind    kind
	at, n   int // relative to first; n sectors
	content []byte
}

func newModel(d *virtqtest.Driver, r *rand.Rand, disk *ram, first, n int) *model {
	return &model{
		Driver: d, rand: r, first: first, n: n, content: disk.at(first*sectorSize, n*sectorSize),
		busy: make([]bool, n), ops: make(map[virtqtest.Token]op),
	}
}

// add makes a request, if there are room and sectors for it.
func (m *model) add() {
	o := op{kind: []kind{kindIn, kindOut, kindWriteZeroes, kindFlush, kindOut, kindIn}[m.rand.IntN(6)]}
	o.at = m.rand.IntN(m.n)
	o.n = min(1+m.rand.IntN(20), m.n-o.at)
	if o.kind == kindFlush {
		o.n = 0
	}
	if slices.Contains(m.busy[o.at:o.at+o.n], true) {
		return
	}
	h := header(o.kind, uint64(m.first+o.at))
	readable, writable := [][]byte{h}, []int{1}
	switch o.kind {
	case kindIn:
		writable = []int{o.n * sectorSize, 1}
		if m.rand.IntN(2) == 0 {
			writable = []int{o.n*sectorSize + 1}
		}
	case kindOut:
		o.content = pattern(o.n*sectorSize, byte(m.rand.Uint32()))
		at := m.rand.IntN(len(o.content))
		readable = cut(append(h, o.content...), 5, 11, at)
	case kindWriteZeroes:
		o.content = make([]byte, o.n*sectorSize)
		readable = append(readable, part(uint64(m.first+o.at), uint32(o.n), uint32(m.rand.IntN(2))))
	}
	token, ok := m.TryAdd(readable, writable)
	if !ok {
		return
	}
	m.ops[token] = o
	m.mark(o, true)
}

func (m *model) mark(o op, busy bool) {
	for i := range o.n {
		m.busy[o.at+i] = busy
	}
}

// check takes what came of a request.
func (m *model) check(t testing.TB, u virtqtest.Used) {
	t.Helper()
	o, ok := m.ops[u.Token]
	if !ok || statusOf(u) != statusOK {
		t.Fatalf("request %d, %v of %d+%d: status %d", u.Token, o.kind, o.at, o.n, statusOf(u))
	}
	delete(m.ops, u.Token)
	m.mark(o, false)
	place := m.content[o.at*sectorSize : (o.at+o.n)*sectorSize]
	switch {
	case o.kind == kindIn && !bytes.Equal(u.Bytes()[:len(place)], place):
		t.Fatalf("read of sectors %d+%d gave something else than was written", o.at, o.n)
	case o.content != nil:
		copy(place, o.content)
	}
}

// run makes n steps, and ends with nothing under way.
func (m *model) run(t testing.TB, n int) {
	t.Helper()
	for range n {
		m.add()
		if m.rand.IntN(3) > 0 {
			m.Kick()
		}
		for u, ok := m.Poll(); ok; u, ok = m.Poll() {
			m.check(t, u)
		}
		if m.Pending() > m.rand.IntN(30) {
			m.Kick()
			m.check(t, m.Wait(t))
		}
	}
	m.Kick()
	for m.Pending() > 0 {
		m.check(t, m.Wait(t))
	}
}

// newRand is random numbers whose seed a failing test shows.
func newRand(t testing.TB) *rand.Rand {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// sometimes is a disk that now and then can do a transfer at once.
func sometimes(disk *ram) Backend {
	return &quick{disk, func(off int64) (bool, error) { return off/sectorSize%3 != 0, nil }}
}

func TestRandomRequestsOnManyQueues(t *testing.T) {
	devicestest.CheckGoroutines(t)
	const queues = 3
	disk := newRAM(modelSectors * sectorSize)
	device := newDevice(t, Config{Backend: sometimes(disk), Queues: queues, Workers: 4})
	memory := virtqtest.NewMemory(t, 32<<20)
	r := newRand(t)
	var drivers []*virtqtest.Driver
	var models []*model
	for i := range queues {
		own := rand.New(rand.NewPCG(r.Uint64(), 1))
		d := virtqtest.New(t, virtqtest.Options{Index: i, Size: 64, Memory: memory, Rand: own, EventIndex: i > 0, Indirect: i > 1, Packed: i == 2})
		drivers = append(drivers, d)
		models = append(models, newModel(d, own, disk, i*modelSectors/queues, modelSectors/queues))
	}
	virtqtest.Activate(t, device, allFeatures, drivers...)
	done := make(chan struct{})
	for _, m := range models {
		go func() {
			defer func() { done <- struct{}{} }()
			m.run(t, 600)
		}()
	}
	for range models {
		<-done
	}
	for _, m := range models {
		if !bytes.Equal(m.content, disk.at(m.first*sectorSize, m.n*sectorSize)) {
			t.Errorf("sectors from %d on: the disk has something else than was written", m.first)
		}
	}
}

func TestPausesAndLimitsUnderLoadLoseNothing(t *testing.T) {
	devicestest.CheckGoroutines(t)
	disk := newRAM(modelSectors * sectorSize)
	device := newDevice(t, Config{Backend: sometimes(disk), Workers: 3})
	r := newRand(t)
	d := virtqtest.New(t, virtqtest.Options{Size: 64, EventIndex: true, Indirect: true})
	m := newModel(d, r, disk, 0, modelSectors)
	virtqtest.Activate(t, device, allFeatures, d)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			device.Pause()
			disk.takeCalls()
			if at := d.Queue().Position(); at.Next != at.Used {
				t.Errorf("paused at %+v", at)
			}
			if calls := disk.takeCalls(); calls != nil {
				t.Errorf("while paused, the disk was asked for %q", calls)
			}
			device.Resume()
			if i%5 == 0 {
				device.SetLimits(ratelimit.Limits{Ops: ratelimit.Rate{PerSecond: uint64(i%3) * 20000, Burst: 1}})
			}
			device.Resize()
		}
	}()
	m.run(t, 800)
	close(stop)
	<-stopped
	if !bytes.Equal(m.content, disk.at(0, len(m.content))) {
		t.Error("the disk has something else than was written")
	}
}

// After a reset the driver may use its memory for anything.
func TestAResetUnderLoadLeavesGuestMemoryAlone(t *testing.T) {
	devicestest.CheckGoroutines(t)
	checkDescriptors(t)
	disk := newRAM(modelSectors * sectorSize)
	device := newDevice(t, Config{Backend: sometimes(disk), Workers: 3})
	r := newRand(t)
	for range 30 {
		d := virtqtest.New(t, virtqtest.Options{Size: 64, EventIndex: r.IntN(2) == 0, Packed: r.IntN(2) == 0})
		m := newModel(d, r, disk, 0, modelSectors)
		active := virtqtest.Activate(t, device, allFeatures, d)
		for range r.IntN(60) {
			m.add()
			m.Kick()
		}
		if r.IntN(3) == 0 {
			device.Pause()
		}
		active.Deactivate()
		disk.takeCalls()
		if err := d.Memory.StartDirtyLog(); err != nil {
			t.Fatal(err)
		}
		d.Queue().Kick()
		before := d.Interrupt.Count()
		m2 := virtqtest.New(t, virtqtest.Options{}) // the next driver, in other memory
		next := virtqtest.Activate(t, device, allFeatures, m2)
		expect(t, m2, [][]byte{header(kindFlush, 0)}, []int{1}, statusOK, 1)
		next.Deactivate()
		pages, err := d.Memory.FetchDirtyLog(0, make([]uint64, 1<<12))
		if err != nil || pages != 0 || d.Interrupt.Count() != before {
			t.Fatalf("after a reset %d pages were written, %d interrupts came; %v", pages, d.Interrupt.Count()-before, err)
		}
	}
}

func TestAnIdleDeviceHasOneGoroutineAQueue(t *testing.T) {
	devicestest.CheckGoroutines(t)
	checkDescriptors(t)
	clock := devicestest.NewClock(time.Unix(0, 0))
	device := newDevice(t, Config{
		Backend: newRAM(4096), Queues: 4, Clock: clockOf(clock),
		Limits: ratelimit.Limits{Ops: ratelimit.Rate{PerSecond: 10, Burst: 100}},
	})
	memory := virtqtest.NewMemory(t, 8<<20)
	var drivers []*virtqtest.Driver
	for i := range 3 {
		drivers = append(drivers, virtqtest.New(t, virtqtest.Options{Index: i, Memory: memory}))
	}
	before := runtime.NumGoroutine()
	virtqtest.Activate(t, device, allFeatures, drivers[0], nil, drivers[1], drivers[2])
	for _, d := range drivers {
		for range 20 {
			expect(t, d, [][]byte{header(kindIn, 0)}, []int{512, 1}, statusOK, 513)
		}
	}
	devicestest.Eventually(t, "the requests' goroutines to end", func() bool { return runtime.NumGoroutine() <= before+3 })
	if clock.Armed() != 0 {
		t.Errorf("%d timers armed", clock.Armed())
	}
}
