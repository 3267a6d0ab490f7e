package rng

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/hullvm/hull/devices/devicestest"
	"github.com/hullvm/hull/devices/virtio"
	"github.com/hullvm/hull/devices/virtio/virtqtest"
	"github.com/hullvm/hull/internal/ratelimit"
)

// counting is a source of bytes that follow each other.
type counting byte

func (c *counting) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(*c)
		*c++
	}
	return len(p), nil
}

func follow(n int) []byte {
	p := make([]byte, n)
	_, _ = new(counting).Read(p)
	return p
}

// sourceFunc is a source.
type sourceFunc func(p []byte) (int, error)

func (f sourceFunc) Read(p []byte) (int, error) { return f(p) }

func clockOf(c *devicestest.Clock) ratelimit.Clock {
	return ratelimit.Clock{Now: c.Now, AfterFunc: func(d time.Duration, f func()) func() bool { return c.AfterFunc(d, f).Stop }}
}

func TestTheDeviceHasOneQueueAndNoConfiguration(t *testing.T) {
	d := New(Config{})
	p := []byte{1, 2, 3}
	d.WriteConfig(0, p)
	d.ReadConfig(1, p)
	if d.ID() != virtio.IDEntropy || d.Features() != 0 || len(d.QueueSizes()) != 1 || !bytes.Equal(p, make([]byte, 3)) {
		t.Errorf("id %d, features %#x, queues %v, configuration %x", d.ID(), d.Features(), d.QueueSizes(), p)
	}
}

func TestBuffersAreFilled(t *testing.T) {
	devicestest.CheckGoroutines(t)
	for _, c := range []struct {
		writable []int
		want     int
	}{
		{[]int{1}, 1},
		{[]int{64}, 64},
		{[]int{3, 0, 5000, 1}, 5004},
		{[]int{64 << 10}, 64 << 10},
		{[]int{1 << 10, 64 << 10, 10}, 64 << 10},
		{nil, 0},
		{[]int{0}, 0},
	} {
		device := New(Config{Source: new(counting)})
		d := virtqtest.New(t, virtqtest.Options{EventIndex: true})
		active := virtqtest.Activate(t, device, 0, d)
		u := d.Do(t, [][]byte{{1, 2, 3}}, c.writable)
		var all []byte
		for _, w := range u.Writable {
			all = append(all, w...)
		}
		rest := all[c.want:]
		if int(u.Written) != c.want || !bytes.Equal(u.Bytes(), follow(c.want)) || !bytes.Equal(rest, bytes.Repeat([]byte{0xa5}, len(rest))) {
			t.Errorf("%v: %d bytes written, want %d, or they are not the source's", c.writable, u.Written, c.want)
		}
		active.Deactivate()
		if s := device.Stats(); s.Requests != 1 || s.Bytes != uint64(c.want) || (s.Refused == 1) != (c.want == 0) {
			t.Errorf("%v: counted %+v", c.writable, s)
		}
	}
}

func TestTheHostsSourceIsRandom(t *testing.T) {
	d := virtqtest.New(t, virtqtest.Options{})
	virtqtest.Activate(t, New(Config{}), 0, d)
	a, b := d.Do(t, nil, []int{32}).Bytes(), d.Do(t, nil, []int{32}).Bytes()
	if bytes.Equal(a, b) || bytes.Equal(a, bytes.Repeat([]byte{0xa5}, 32)) || len(a) != 32 {
		t.Errorf("got %x and %x", a, b)
	}
}

func TestABufferOutsideOfMemoryEndsTheFilling(t *testing.T) {
	device := New(Config{Source: new(counting)})
	d := virtqtest.New(t, virtqtest.Options{})
	virtqtest.Activate(t, device, 0, d)
	at := d.Memory.Alloc(16)
	for want, buffers := range map[uint32][]virtqtest.Buffer{
		0:  {{Addr: 1 << 40, Len: 16, Write: true}, {Addr: at, Len: 16, Write: true}},
		16: {{Addr: at, Len: 16, Write: true}, {Addr: 1 << 40, Len: 16, Write: true}},
	} {
		d.AddBuffers(buffers...)
		d.Kick()
		if u := d.Wait(t); u.Written != want {
			t.Errorf("%d bytes written, want %d", u.Written, want)
		}
	}
	if s := device.Stats(); s.Refused != 2 || s.Failed != 0 || s.Bytes != 16 {
		t.Errorf("counted %+v", s)
	}
}

func TestASourceThatFailsIsLoggedAtALimitedRate(t *testing.T) {
	var log strings.Builder
	device := New(Config{
		Name: "rng0", Clock: clockOf(devicestest.NewClock(time.Unix(0, 0))), Log: slog.New(slog.NewTextHandler(&log, nil)),
		Source: sourceFunc(func([]byte) (int, error) { return 0, errors.New("dried up") }),
	})
	d := virtqtest.New(t, virtqtest.Options{})
	active := virtqtest.Activate(t, device, 0, d)
	for range 20 {
		if u := d.Do(t, nil, []int{16}); u.Written != 0 {
			t.Errorf("%d bytes written", u.Written)
		}
	}
	active.Deactivate()
	if n := strings.Count(log.String(), "device=rng0"); n != 8 || !strings.Contains(log.String(), "dried up") || device.Stats().Failed != 20 {
		t.Errorf("%d lines, %+v:\n%s", n, device.Stats(), log.String())
	}
}

func TestPauseCutsARequestShort(t *testing.T) {
	devicestest.CheckGoroutines(t)
	reading, read := make(chan struct{}), make(chan struct{})
	device := New(Config{Source: sourceFunc(func(p []byte) (int, error) {
		reading <- struct{}{}
		<-read
		return len(p), nil
	})})
	device.Pause() // not active: nothing to do
	device.Resume()
	d := virtqtest.New(t, virtqtest.Options{})
	virtqtest.Activate(t, device, 0, d)
	d.Add(nil, []int{1, requestMax})
	d.Kick()
	<-reading
	active := device.activation()
	paused := make(chan struct{})
	go func() {
		device.Pause()
		close(paused)
	}()
	devicestest.Eventually(t, "the pause to begin", active.stopped)
	read <- struct{}{}
	<-paused
	device.Pause()
	if u, ok := d.Poll(); !ok || u.Written != 1 {
		t.Errorf("answered %v with %d bytes, want 1", ok, u.Written)
	}
	d.Add(nil, []int{1})
	d.Queue().Kick()
	if at := d.Queue().Position(); at.Next != 1 || at.Used != 1 {
		t.Errorf("paused at %+v", at)
	}
	device.Resume()
	device.Resume()
	<-reading
	read <- struct{}{}
	if u := d.Wait(t); u.Written != 1 {
		t.Errorf("%d bytes written", u.Written)
	}
	device.Pause() // and is reset while it is paused
}

func TestLimits(t *testing.T) {
	devicestest.CheckGoroutines(t)
	clock := devicestest.NewClock(time.Unix(0, 0))
	limits := ratelimit.Limits{Bytes: ratelimit.Rate{PerSecond: 1000, Burst: 1}}
	device := New(Config{Limits: limits, Clock: clockOf(clock)})
	d := virtqtest.New(t, virtqtest.Options{})
	virtqtest.Activate(t, device, 0, d)
	if device.Limits() != limits {
		t.Errorf("limits are %+v", device.Limits())
	}
	d.Do(t, nil, []int{1000})
	d.Add(nil, []int{1000})
	d.Kick()
	held := func() {
		t.Helper()
		devicestest.Eventually(t, "the request to be held", func() bool { return clock.Pending() == 1 })
	}
	held()
	clock.Advance(time.Second)
	d.Wait(t)
	d.Add(nil, []int{1})
	d.Kick()
	held()
	device.Pause() // does not wait for the limit
	device.Resume()
	held()
	device.SetLimits(ratelimit.Limits{})
	d.Wait(t)
	device.SetLimits(limits)
	d.Do(t, nil, []int{100})
	d.Add(nil, []int{1}) // and is reset while it is held
	d.Kick()
	held()
}

func TestAQueueThatIsNotEnabled(t *testing.T) {
	device := New(Config{})
	if err := device.Activate(&virtio.Activation{Queues: []*virtio.Queue{nil}}); err != nil {
		t.Fatal(err)
	}
	device.Pause()
	device.Resume()
	device.Deactivate()
	device.Deactivate()
}

func TestABrokenRing(t *testing.T) {
	devicestest.CheckGoroutines(t)
	d := virtqtest.New(t, virtqtest.Options{})
	active := virtqtest.Activate(t, New(Config{}), 0, d)
	d.Split().PutAvail(1000)
	d.Queue().Kick()
	t.Log(active.WaitBroken(t))
}
