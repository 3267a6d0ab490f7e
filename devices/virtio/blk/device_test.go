package blk

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hullvm/hull/devices/devicestest"
	"github.com/hullvm/hull/devices/virtio/virtqtest"
	"github.com/hullvm/hull/internal/ratelimit"
)

// gate is a hook that holds requests up until it is opened.
type gate struct {
	mu      sync.Mutex // guards what follows
	in, max int
	open    chan struct{}
}

func newGate() *gate { return &gate{open: make(chan struct{})} }

func (g *gate) hook(string) error {
	g.mu.Lock()
	g.in++
	g.max = max(g.max, g.in)
	g.mu.Unlock()
	<-g.open
	g.mu.Lock()
	g.in--
	g.mu.Unlock()
	return nil
}

func (g *gate) inside() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.in
}

func (g *gate) most() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.max
}

func TestRequestsOfAQueueRunAtOnceUpToTheBound(t *testing.T) {
	devicestest.CheckGoroutines(t)
	checkDescriptors(t)
	g := newGate()
	disk := newRAM(4096)
	disk.hook = g.hook
	d := virtqtest.New(t, virtqtest.Options{Size: 64})
	virtqtest.Activate(t, newDevice(t, Config{Backend: disk, Workers: 5}), allFeatures, d)
	for range 20 {
		d.Add([][]byte{header(kindIn, 0)}, []int{512, 1})
	}
	d.Kick()
	devicestest.Eventually(t, "5 requests to be at the disk", func() bool { return g.inside() == 5 })
	close(g.open)
	for range 20 {
		if u := d.Wait(t); statusOf(u) != statusOK {
			t.Errorf("status %d", statusOf(u))
		}
	}
	if n := g.most(); n != 5 {
		t.Errorf("%d requests were at the disk at once, want 5", n)
	}
}

// A flush waits for nothing: what is under way is not its business.
func TestAFlushIsNotHeldUpByAWriteUnderWay(t *testing.T) {
	disk := newRAM(4096)
	g := newGate()
	disk.hook = func(what string) error {
		if strings.HasPrefix(what, "write") {
			return g.hook(what)
		}
		return nil
	}
	d := virtqtest.New(t, virtqtest.Options{})
	virtqtest.Activate(t, newDevice(t, Config{Backend: disk}), allFeatures, d)
	write := d.Add([][]byte{header(kindOut, 0), pattern(512, 1)}, []int{1})
	d.Kick()
	expect(t, d, [][]byte{header(kindFlush, 0)}, []int{1}, statusOK, 1)
	close(g.open)
	if u := d.WaitFor(t, write); statusOf(u) != statusOK {
		t.Error("the write failed")
	}
}

func TestPauseWaitsForWhatWasTakenAndTakesNoMore(t *testing.T) {
	devicestest.CheckGoroutines(t)
	g := newGate()
	disk := newRAM(4096)
	disk.hook = g.hook
	device := newDevice(t, Config{Backend: disk})
	device.Pause() // not active: nothing to do
	device.Resume()
	d := virtqtest.New(t, virtqtest.Options{})
	virtqtest.Activate(t, device, allFeatures, d)
	d.Add([][]byte{header(kindIn, 0)}, []int{512, 1})
	d.Kick()
	devicestest.Eventually(t, "the request to be at the disk", func() bool { return g.inside() == 1 })
	paused := make(chan struct{})
	go func() {
		device.Pause()
		close(paused)
	}()
	select {
	case <-paused:
		t.Error("paused with a request at the disk")
	case <-time.After(10 * time.Millisecond): // a pause that does not wait would be through
	}
	close(g.open)
	<-paused
	device.Pause() // once more changes nothing
	if _, ok := d.Poll(); !ok {
		t.Error("paused, and the request was not answered")
	}
	d.Add([][]byte{header(kindIn, 0)}, []int{512, 1})
	d.Queue().Kick()
	if at := d.Queue().Position(); at.Next != 1 || at.Used != 1 {
		t.Errorf("paused at %+v", at)
	}
	device.Resume()
	device.Resume()
	d.Wait(t)
}

func TestQuickTransfersNeedNoGoroutine(t *testing.T) {
	disk := newRAM(1 << 20)
	data := pattern(4096, 5)
	var asked []int64
	device := newDevice(t, Config{Backend: &quick{disk, func(off int64) (bool, error) {
		asked = append(asked, off)
		switch off {
		case 0:
			return true, nil
		case 4096:
			return false, nil
		}
		return false, errors.New("no")
	}}})
	d := virtqtest.New(t, virtqtest.Options{})
	active := virtqtest.Activate(t, device, allFeatures, d)
	for _, off := range []int{0, 4096} {
		expect(t, d, [][]byte{header(kindOut, uint64(off/512)), data}, []int{1}, statusOK, 1)
		u := expect(t, d, [][]byte{header(kindIn, uint64(off/512))}, []int{4096, 1}, statusOK, 4097)
		if !bytes.Equal(u.Writable[0], data) {
			t.Errorf("read something else at %d", off)
		}
	}
	expect(t, d, [][]byte{header(kindIn, 16)}, []int{4096, 1}, statusIOErr, 0)
	expect(t, d, [][]byte{header(kindIn, 0)}, []int{immediateMax + 512, 1}, statusOK, immediateMax+513) // too much to be tried
	expect(t, d, [][]byte{header(kindIn, 0)}, []int{1}, statusOK, 1)
	active.Deactivate()
	if want := []int64{0, 0, 4096, 4096, 8192}; fmt.Sprint(asked) != fmt.Sprint(want) {
		t.Errorf("tried at %v, want %v", asked, want)
	}
	if s := device.Stats(); s.Reads != 4 || s.Writes != 2 || s.Failed != 1 || s.ReadBytes != 2*4096+immediateMax+512 || s.WrittenBytes != 8192 {
		t.Errorf("counted %+v", s)
	}
}

func TestErrorsOfTheDiskFailTheRequestAndAreLoggedAtALimitedRate(t *testing.T) {
	var log strings.Builder
	clock := devicestest.NewClock(time.Unix(0, 0))
	disk := newRAM(4096)
	disk.hook = func(string) error { return errors.New("medium error") }
	device := newDevice(t, Config{Backend: disk, Clock: clockOf(clock), Log: slog.New(slog.NewTextHandler(&log, nil))})
	d := virtqtest.New(t, virtqtest.Options{})
	active := virtqtest.Activate(t, device, allFeatures, d)
	for range 4 {
		expect(t, d, [][]byte{header(kindIn, 1)}, []int{512, 1}, statusIOErr, 0)
		expect(t, d, [][]byte{header(kindOut, 2), pattern(512, 1)}, []int{1}, statusIOErr, 1)
		expect(t, d, [][]byte{header(kindFlush, 0)}, []int{1}, statusIOErr, 1)
		expect(t, d, [][]byte{header(kindDiscard, 0), part(0, 1, 0)}, []int{1}, statusIOErr, 1)
		expect(t, d, [][]byte{header(kindWriteZeroes, 0), part(0, 1, 0)}, []int{1}, statusIOErr, 1)
	}
	active.Deactivate()
	if s := device.Stats(); s.Failed != 20 || s.Reads+s.Writes+s.Flushes+s.Discards+s.WriteZeroes != 0 {
		t.Errorf("counted %+v", s)
	}
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	if len(lines) != 8 || !strings.Contains(lines[1], `disk=root request=write sector=2 bytes=512 failed=2 error="medium error"`) {
		t.Errorf("log is\n%s", log.String())
	}
}

func clockOf(c *devicestest.Clock) ratelimit.Clock {
	return ratelimit.Clock{Now: c.Now, AfterFunc: func(d time.Duration, f func()) func() bool { return c.AfterFunc(d, f).Stop }}
}

func TestLimits(t *testing.T) {
	devicestest.CheckGoroutines(t)
	clock := devicestest.NewClock(time.Unix(0, 0))
	limits := ratelimit.Limits{Bytes: ratelimit.Rate{PerSecond: 1024, Burst: 512}}
	device := newDevice(t, Config{Backend: newRAM(4096), Limits: limits, Clock: clockOf(clock)})
	d := virtqtest.New(t, virtqtest.Options{})
	virtqtest.Activate(t, device, allFeatures, d)
	if device.Limits() != limits {
		t.Errorf("limits are %+v", device.Limits())
	}
	read := func() { d.Add([][]byte{header(kindIn, 0)}, []int{1024, 1}); d.Kick() }
	held := func(n int) {
		t.Helper()
		devicestest.Eventually(t, "a request to be held", func() bool { return clock.Armed() == n && clock.Pending() == 1 })
		if _, ok := d.Poll(); ok {
			t.Fatal("a request was not held")
		}
	}
	read()
	d.Wait(t) // leaves 512 bytes of debt
	read()
	held(1)
	clock.Advance(500 * time.Millisecond)
	held(1) // there has to be one byte more
	clock.Advance(time.Millisecond)
	d.Wait(t)

	read()
	held(2)
	device.Pause() // does not wait for the limit
	if clock.Pending() != 0 || d.Queue().Position().Next != 2 {
		t.Errorf("paused with %d timers, at %+v", clock.Pending(), d.Queue().Position())
	}
	device.Resume()
	held(3)
	device.SetLimits(ratelimit.Limits{})
	d.Wait(t)
	for range 10 {
		read()
		d.Wait(t)
	}
	if s := device.Stats(); clock.Pending() != 0 || clock.Armed() != 3 || s.Held != 3 {
		t.Errorf("%d timers armed, %d pending, counted %+v", clock.Armed(), clock.Pending(), s)
	}
	device.SetLimits(limits) // and is held when the device is reset
	read()
	d.Wait(t)
	read()
	held(4)
}

func TestWriteZeroesCostAsMuchAsWrites(t *testing.T) {
	clock := devicestest.NewClock(time.Unix(0, 0))
	device := newDevice(t, Config{Backend: newRAM(1 << 20), Clock: clockOf(clock), Limits: ratelimit.Limits{
		Ops: ratelimit.Rate{PerSecond: 1000, Burst: 1000}, Bytes: ratelimit.Rate{PerSecond: 1 << 20, Burst: 1},
	}})
	d := virtqtest.New(t, virtqtest.Options{})
	virtqtest.Activate(t, device, allFeatures, d)
	expect(t, d, [][]byte{header(kindDiscard, 0), part(0, 2048, 0)}, []int{1}, statusOK, 1)
	if delay := device.limit.Delay(); delay != 0 {
		t.Errorf("a discard has to be waited for %v", delay)
	}
	expect(t, d, [][]byte{header(kindWriteZeroes, 0), part(0, 2048, 0)}, []int{1}, statusOK, 1)
	if delay := device.limit.Delay(); delay != time.Second {
		t.Errorf("zeroes have to be waited for %v", delay)
	}
}

func TestResize(t *testing.T) {
	disk := newRAM(4096)
	device := newDevice(t, Config{Backend: disk})
	resize := func(n int) {
		disk.mu.Lock()
		disk.content = make([]byte, n)
		disk.mu.Unlock()
		device.Resize()
	}
	resize(1024) // not active: nobody to tell
	d := virtqtest.New(t, virtqtest.Options{})
	active := virtqtest.Activate(t, device, allFeatures, d)
	read := func(sector uint64, status byte) {
		t.Helper()
		if u := d.Do(t, [][]byte{header(kindIn, sector)}, []int{512, 1}); statusOf(u) != status {
			t.Errorf("sector %d: status %d, want %d", sector, statusOf(u), status)
		}
	}
	read(1, statusOK)
	read(2, statusIOErr)
	resize(8192)
	<-active.ConfigChanges
	var capacity [8]byte
	if device.ReadConfig(regCapacity, capacity[:]); binary.LittleEndian.Uint64(capacity[:]) != 16 {
		t.Errorf("capacity is %x", capacity)
	}
	read(15, statusOK)
	resize(512)
	<-active.ConfigChanges
	read(1, statusIOErr)
	device.Resize()
	active.Deactivate()
	resize(1024)
	select {
	case <-active.ConfigChanges:
		t.Error("told of no change, or when not active")
	default:
	}
}

func TestManyRequestsCostFewInterrupts(t *testing.T) {
	for _, event := range []bool{false, true} {
		d := virtqtest.New(t, virtqtest.Options{Size: 256, EventIndex: event})
		device := newDevice(t, Config{Backend: &quick{newRAM(4096), func(int64) (bool, error) { return true, nil }}})
		for range 64 {
			d.Stage([][]byte{header(kindIn, 0)}, []int{512, 1})
		}
		d.Publish()
		virtqtest.Activate(t, device, allFeatures, d)
		d.Queue().Kick()
		for range 64 {
			d.Wait(t)
		}
		if n := d.Interrupt.Count(); n > 64/batch+1 {
			t.Errorf("event index %v: %d interrupts for 64 requests", event, n)
		}
	}
}

func TestInOrderIsKept(t *testing.T) {
	for _, packed := range []bool{false, true} {
		disk := newRAM(4096)
		d := virtqtest.New(t, virtqtest.Options{Size: 64, InOrder: true, Packed: packed})
		virtqtest.Activate(t, newDevice(t, Config{Backend: disk}), allFeatures, d)
		for i := range 60 { // a request that is used out of order makes the driver panic
			switch i % 3 {
			case 0:
				d.Add([][]byte{header(kindIn, 0)}, []int{512, 1})
			case 1:
				d.Add([][]byte{header(kindFlush, 0)}, []int{1})
			default:
				d.Add([][]byte{header(99, 0)}, []int{1})
			}
			d.Kick()
			for d.Pending() > 10 {
				d.Wait(t)
			}
		}
		for d.Pending() > 0 {
			d.Wait(t)
		}
	}
}
