package net

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/hullvm/hull/devices/devicestest"
	"github.com/hullvm/hull/devices/virtio"
	"github.com/hullvm/hull/devices/virtio/virtq"
	"github.com/hullvm/hull/devices/virtio/virtqtest"
	"github.com/hullvm/hull/internal/eventfd"
	"github.com/hullvm/hull/internal/vhost"
)

// fakeVHost is a kernel that serves nothing and notes what it is asked.
type fakeVHost struct {
	features uint64

	mu       sync.Mutex // guards what follows
	setups   []vhost.Setup
	backends []int
	next     [2]uint16
	running  bool
	closed   int
	fail     error
}

func (v *fakeVHost) Features() uint64 { return v.features }

func (v *fakeVHost) Start(s vhost.Setup) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.fail != nil {
		return v.fail
	}
	v.setups, v.running = append(v.setups, s), true
	return nil
}

func (v *fakeVHost) Stop() ([2]uint16, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.running = false
	return v.next, v.fail
}

func (v *fakeVHost) SetBackend(fd int) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.backends = append(v.backends, fd)
	return nil
}

func (v *fakeVHost) Close() error {
	v.closed++
	return nil
}

func (v *fakeVHost) isRunning() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.running
}

// irqfd is an interrupt that a kernel can raise.
type irqfd struct {
	virtio.Interrupt
	fd int
}

func (i irqfd) FD() int { return i.fd }

// kernelCard is a card that vhost-net may serve, with queues that have irqfds.
type kernelCard struct {
	t       *testing.T
	device  *Device
	backend *fakeBackend
	nets    []*fakeVHost
	drivers []*virtqtest.Driver
	kicks   []*eventfd.EventFD
	a       *virtio.Activation
	broken  chan error
}

const vhostFeatures = kernelFeatures &^ (virtio.FeatureRingPacked | virtio.FeatureInOrder | virtio.FeatureNotificationData)

func TestWhatTheKernelLacksIsNotOffered(t *testing.T) {
	for _, k := range []struct {
		name   string
		change func(*Config)
		want   uint64
	}{
		{"vhost", nil, virtio.FeatureRingPacked | virtio.FeatureInOrder},
		{"no vhost", func(c *Config) { c.VHost = VHostOff }, 0},
		{"vhost that cannot help", func(c *Config) { c.AntiSpoof = true }, 0},
	} {
		t.Run(k.name, func(t *testing.T) {
			if got := newKernelCard(t, 2, k.change, 99).device.Without(); got != k.want {
				t.Errorf("without %#x, want %#x", got, k.want)
			}
		})
	}
}

func newKernelCard(t *testing.T, pairs int, change func(*Config), callFD int) *kernelCard {
	t.Helper()
	devicestest.CheckGoroutines(t)
	checkDescriptors(t)
	k := &kernelCard{t: t, backend: newFakeBackend(t, pairs, 0), broken: make(chan error, 8)}
	c := Config{Name: "eth0", MAC: cardMAC, QueuePairs: pairs, QueueSize: 64, Backend: k.backend, VHost: VHostAuto}
	for i := range pairs {
		k.backend.ports[i].Tap = true
		n := &fakeVHost{features: vhostFeatures}
		k.nets, c.VHostNet = append(k.nets, n), append(c.VHostNet, n)
	}
	if change != nil {
		change(&c)
	}
	var err error
	if k.device, err = New(c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.device.Close(); err != nil {
			t.Error(err)
		}
		for i, n := range k.nets {
			if n.closed != 1 || n.running {
				t.Errorf("vhost %d: closed %d times, running %v", i, n.closed, n.running)
			}
		}
	})
	memory := virtqtest.NewMemory(t, 16<<20)
	k.a = &virtio.Activation{
		Memory:        memory.Guest,
		Features:      virtio.FeatureVersion1 | virtio.FeatureEventIdx | FeatureMrgRXBuf | FeatureCtrlVQ | FeatureStatus,
		ConfigChanged: func() {},
		Broken:        func(err error) { k.broken <- err },
	}
	if pairs > 1 {
		k.a.Features |= FeatureMQ
	}
	for i, size := range k.device.QueueSizes() {
		d := virtqtest.New(t, virtqtest.Options{Index: i, Size: size, EventIndex: true, Memory: memory})
		kick, err := eventfd.New()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = kick.Close() })
		q, err := virtio.NewQueue(i, memory.Guest, d.Layout(), d.RingOptions(), kick, irqfd{d.Interrupt, callFD})
		if err != nil {
			t.Fatal(err)
		}
		k.drivers, k.kicks, k.a.Queues = append(k.drivers, d), append(k.kicks, kick), append(k.a.Queues, q)
	}
	return k
}

func (k *kernelCard) activate() {
	k.t.Helper()
	if err := k.device.Activate(k.a); err != nil {
		k.t.Fatal(err)
	}
	k.t.Cleanup(func() { k.device.Deactivate() })
}

// userServes fails the test unless the monitor serves the first pair.
func (k *kernelCard) userServes(what string) {
	k.t.Helper()
	d := k.drivers[1]
	token := d.Add([][]byte{plain(), ethernet(broadcast, cardMAC, 60)}, nil)
	d.Kick()
	if err := k.kicks[1].Signal(); err != nil {
		k.t.Fatal(err)
	}
	if got := k.backend.wires[0].receive(); len(got) != HeaderSize+60 {
		k.t.Errorf("%s: %d bytes", what, len(got))
	}
	d.WaitFor(k.t, token)
}

func TestTheKernelServesTheDataQueues(t *testing.T) {
	k := newKernelCard(t, 2, nil, 99)
	k.activate()
	n := k.nets[0]
	if !n.isRunning() || k.nets[1].isRunning() {
		t.Fatal("the kernel does not serve the first pair, or serves the second")
	}
	s := n.setups[0]
	if s.Features != virtio.FeatureVersion1|virtio.FeatureEventIdx|FeatureMrgRXBuf || s.Backend != k.backend.ports[0].FD {
		t.Errorf("features %#x, backend %d", s.Features, s.Backend)
	}
	slot := k.a.Memory.Slots()[0]
	if want := (vhost.Region{Guest: uint64(slot.Base), Size: slot.Size, User: uint64(slot.Host)}); len(s.Memory) != 1 || s.Memory[0] != want {
		t.Errorf("memory %+v", s.Memory)
	}
	for i, ring := range s.Rings {
		l := k.drivers[i].Layout()
		want := vhost.Ring{
			Size: 64, Desc: uint64(slot.Host) + uint64(l.Desc), Avail: uint64(slot.Host) + uint64(l.Driver),
			Used: uint64(slot.Host) + uint64(l.Device), Kick: k.kicks[i].FD(), Call: 99,
		}
		if ring != want {
			t.Errorf("ring %d: %+v, want %+v", i, ring, want)
		}
		if kicks, err := k.kicks[i].Take(); err != nil || kicks == 0 {
			t.Errorf("ring %d: %d kicks, %v", i, kicks, err)
		}
	}
	// The control queue stays with the monitor.
	control := k.drivers[4]
	token := control.Add([][]byte{{ctrlMQ, ctrlMQVQPairsSet}, le16(2)}, []int{1})
	control.Kick()
	if err := k.kicks[4].Signal(); err != nil {
		t.Fatal(err)
	}
	if got := control.WaitFor(t, token).Bytes(); got[0] != ctrlOK || !k.nets[1].isRunning() {
		t.Errorf("answer %d to two pairs", got[0])
	}
}

func TestQueuesStandWhereTheKernelLeftThem(t *testing.T) {
	k := newKernelCard(t, 1, nil, 99)
	k.activate()
	k.nets[0].next = [2]uint16{5, 7}
	k.device.Pause()
	if k.nets[0].isRunning() {
		t.Error("the kernel goes on")
	}
	for i, want := range []virtq.Position{{Next: 5, Used: 5}, {Next: 7, Used: 7}} {
		if got := k.a.Queues[i].Position(); got != want {
			t.Errorf("queue %d: %+v, want %+v", i, got, want)
		}
	}
	k.device.Resume()
	if s := k.nets[0].setups; len(s) != 2 || s[1].Rings[0].Next != 5 || s[1].Rings[1].Next != 7 {
		t.Errorf("went on from %+v", s)
	}
}

func TestTheMonitorTakesOverWhereTheKernelCannot(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*Config)
		callFD int
		before func(*kernelCard)
		why    string
	}{
		{"no irqfd", nil, -1, nil, "interrupt"},
		{"a feature that the kernel lacks", nil, 99, func(k *kernelCard) { k.nets[0].features = virtio.FeatureVersion1 }, "lacks features"},
		{"packed rings", nil, 99, func(k *kernelCard) { k.a.Features |= virtio.FeatureRingPacked }, "lacks features"},
		{"the kernel's refusal", nil, 99, func(k *kernelCard) { k.nets[0].fail = errFake }, "fake"},
		{"a limit", func(c *Config) { c.LimitTX = newOpenLimiter() }, 99, nil, "rate limits"},
		{"AntiSpoof", func(c *Config) { c.AntiSpoof = true }, 99, nil, "source addresses"},
		{"off", func(c *Config) { c.VHost = VHostOff }, 99, nil, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			k := newKernelCard(t, 1, test.change, test.callFD)
			if test.before != nil {
				test.before(k)
			}
			k.activate()
			if k.nets[0].isRunning() {
				t.Error("the kernel serves")
			}
			k.userServes(test.name)
		})
		if test.before == nil && test.callFD >= 0 {
			continue
		}
		t.Run(test.name+", on", func(t *testing.T) {
			k := newKernelCard(t, 1, func(c *Config) { c.VHost = VHostOn }, test.callFD)
			if test.before != nil {
				test.before(k)
			}
			if err := k.device.Activate(k.a); err == nil || !strings.Contains(err.Error(), test.why) {
				t.Errorf("%v, want %q", err, test.why)
			}
		})
	}
}

// newOpenLimiter lets everything pass.
func newOpenLimiter() *fakeLimiter {
	l := newFakeLimiter()
	l.allow(1 << 30)
	return l
}

func TestTheKernelsHelpCanBeTurnedOffLive(t *testing.T) {
	k := newKernelCard(t, 1, nil, 99)
	k.activate()
	if on, err := k.device.SetVHost(false); on || err != nil || k.nets[0].isRunning() {
		t.Fatalf("on %v, %v", on, err)
	}
	k.userServes("turned off")
	if on, err := k.device.SetVHost(true); !on || err != nil || !k.nets[0].isRunning() {
		t.Fatalf("on %v, %v", on, err)
	}
	if next := k.nets[0].setups[1].Rings[vhost.TX].Next; next != 1 {
		t.Errorf("the kernel goes on from %d", next)
	}
	k.nets[0].next[vhost.TX] = 1
	if on, err := k.device.SetVHost(false); on || err != nil {
		t.Fatalf("on %v, %v", on, err)
	}
	k.userServes("turned off again")
}

func TestALinkThatIsDownIsDownInTheKernel(t *testing.T) {
	k := newKernelCard(t, 1, nil, 99)
	k.activate()
	k.device.SetLink(false)
	k.device.Pause()
	k.device.Resume()
	k.device.SetLink(true)
	fd := k.backend.ports[0].FD
	if got, want := fmt.Sprint(k.nets[0].backends, k.nets[0].setups[1].Backend), fmt.Sprint([]int{-1, fd}, -1); got != want {
		t.Errorf("backends %s, want %s", got, want)
	}
}

func TestAKernelThatDoesNotStopBreaksTheDevice(t *testing.T) {
	k := newKernelCard(t, 1, nil, 99)
	k.activate()
	k.nets[0].fail = errFake
	k.device.Pause()
	if err := <-k.broken; !strings.Contains(err.Error(), "fake") {
		t.Error(err)
	}
}

func TestVHostModesHaveNames(t *testing.T) {
	for _, m := range []VHostMode{VHostOff, VHostAuto, VHostOn} {
		if got, err := ParseVHostMode(m.String()); got != m || err != nil {
			t.Errorf("%v: %v, %v", m, got, err)
		}
	}
	if _, err := ParseVHostMode("maybe"); err == nil {
		t.Error("accepted")
	}
}
