package net

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hullvm/hull/devices/virtio/virtqtest"
)

func TestConfigurationIsChecked(t *testing.T) {
	checkDescriptors(t)
	for _, k := range []struct {
		change func(*Config)
		want   string
	}{
		{func(c *Config) { c.MAC = broadcast }, "MAC ff:ff:ff:ff:ff:ff"},
		{func(c *Config) { c.MAC = MAC{} }, "MAC 00:00:00:00:00:00"},
		{func(c *Config) { c.MTU = 67 }, "MTU 67"},
		{func(c *Config) { c.QueuePairs = 3 }, "the backend has 1"},
		{func(c *Config) { c.QueuePairs = -1 }, "-1 queue pairs"},
		{func(c *Config) { c.QueuePairs = 65 }, "65 queue pairs"},
		{func(c *Config) { c.QueueSize = 100 }, "queue size 100"},
		{func(c *Config) { c.QueueSize = 32769 }, "queue size 32769"},
		{func(c *Config) { c.VHost = VHostOn }, "0 open vhost-net devices"},
		{func(c *Config) { c.VHost, c.AntiSpoof = VHostOn, true }, "source addresses"},
		{func(c *Config) { c.VHost, c.LimitTX = VHostOn, newFakeLimiter() }, "rate limits"},
	} {
		backend := newFakeBackend(t, 1, 0)
		c := Config{Name: "eth0", MAC: cardMAC, Backend: backend}
		k.change(&c)
		_, err := New(c)
		if err == nil || !strings.HasPrefix(err.Error(), `net "eth0": `) || !strings.Contains(err.Error(), k.want) {
			t.Errorf("%v, want %q", err, k.want)
		}
		if backend.closed != 1 {
			t.Errorf("%s: the backend was closed %d times", k.want, backend.closed)
		}
		backend.wires[0].f.Close()
	}
	if _, err := New(Config{Name: "eth0", MAC: cardMAC}); err == nil {
		t.Error("a card without a backend")
	}
}

func TestOnlyWhatTheBackendCanIsOffered(t *testing.T) {
	const base = FeatureMAC | FeatureStatus | FeatureMrgRXBuf | FeatureCtrlVQ | FeatureCtrlRX | FeatureCtrlMACAddr | FeatureGuestAnnounce
	for _, k := range []struct {
		offloads uint64
		pairs    int
		mtu      uint16
		want     uint64
	}{
		{0, 1, 0, base},
		{0, 1, 1400, base | FeatureMTU},
		{0, 4, 0, base | FeatureMQ},
		{FeatureCSUM | FeatureHostTSO4, 1, 0, base | FeatureCSUM | FeatureHostTSO4},
		{^uint64(0), 1, 0, base | FeatureCtrlGuestOffloads | hostOffloads | guestOffloads},
	} {
		c := newCard(t, setup{pairs: k.pairs, offloads: k.offloads, config: func(c *Config) { c.MTU = k.mtu }})
		if got := c.device.Features(); got != k.want {
			t.Errorf("features %#x, want %#x", got, k.want)
		}
		if got := len(c.device.QueueSizes()); got != 2*k.pairs+1 {
			t.Errorf("%d queues for %d pairs", got, k.pairs)
		}
	}
}

func TestConfigurationSpace(t *testing.T) {
	c := newCard(t, setup{pairs: 3, config: func(c *Config) { c.MTU = 1400 }})
	want := []byte{2, 0, 0, 0, 0, 1, statusLinkUp, 0, 3, 0, 1400 & 0xff, 1400 >> 8, 0, 0, 0, 0}
	for off := range want {
		for n := range 17 {
			got := bytes.Repeat([]byte{0xee}, n)
			c.device.ReadConfig(uint64(off), got)
			padded := append(bytes.Clone(want[off:]), make([]byte, 17)...)
			if !bytes.Equal(got, padded[:n]) {
				t.Errorf("%d bytes at %d: %x", n, off, got)
			}
		}
	}
	got := []byte{1, 2}
	c.device.ReadConfig(^uint64(0), got)
	if !bytes.Equal(got, []byte{0, 0}) {
		t.Errorf("far away: %x", got)
	}
	c.device.WriteConfig(0, []byte{1, 1, 1, 1, 1, 1})
	if c.device.MAC() != cardMAC {
		t.Error("the address is writable")
	}
}

func TestQueuesThatAreNotEnabledAreLeftOut(t *testing.T) {
	for _, enabled := range []string{"..", "r.", ".t", "rt", "rt..c", "rtr.c", "rt.tc", "rtrtc"} {
		backend := newFakeBackend(t, 2, 0)
		d, err := New(Config{Name: "eth0", MAC: cardMAC, QueuePairs: 2, Backend: backend})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = d.Close() })
		memory := virtqtest.NewMemory(t, 1<<20)
		var queues []*virtqtest.Driver
		for i, k := range enabled {
			if k == '.' {
				queues = append(queues, nil)
				continue
			}
			queues = append(queues, virtqtest.New(t, virtqtest.Options{Index: i, Memory: memory}))
		}
		a := virtqtest.Activate(t, d, FeatureMQ|FeatureCtrlVQ, queues...)
		if len(enabled) == 5 {
			c := card{t: t, device: d, queues: queues, active: a}
			want := byte(ctrlErr)
			if enabled == "rtrtc" {
				want = ctrlOK
			}
			if got := c.do(ctrlMQ, ctrlMQVQPairsSet, le16(2)); got != want {
				t.Errorf("%s: answer %d to two pairs", enabled, got)
			}
		}
		d.Pause()
		d.Resume()
		a.Deactivate()
	}
}

func TestAPauseHoldsEverything(t *testing.T) {
	c := newCard(t, setup{features: controlFeatures, eventIdx: true})
	w := c.backend.wires[0]
	c.post(20, 1526)
	c.device.Pause()
	c.device.Pause()
	w.send(join(plain(), ethernet(cardMAC, otherMAC, 60)))
	c.tx(0).Add([][]byte{plain(), ethernet(otherMAC, cardMAC, 60)}, nil)
	c.tx(0).Kick()
	c.queues[2].Add([][]byte{{ctrlRX, ctrlRXPromisc, 0}}, []int{1})
	c.queues[2].Kick()
	w.quiet()
	for i, q := range c.queues {
		if _, ok := q.Poll(); ok {
			t.Errorf("queue %d: something was used", i)
		}
		if p := q.Queue().Position(); p.Next != p.Used {
			t.Errorf("queue %d: position %+v while paused", i, p)
		}
	}
	c.device.Resume()
	w.receive()
	c.frame()
	c.queues[2].Wait(t)
	c.device.Resume()
}

func TestAQueueGoesOnElsewhereAfterAPause(t *testing.T) {
	// Buffers that the device holds at the pause are not lost to a device that
	// goes on from the positions.
	c := newCard(t, setup{features: FeatureMrgRXBuf})
	c.post(20, 1526)
	c.backend.wires[0].send(join(plain(), ethernet(cardMAC, otherMAC, 5000)))
	c.frame() // four of them
	c.device.Pause()
	position := c.rx(0).Queue().Position()
	if position.Next != 4 || position.Used != 4 {
		t.Errorf("position %+v, want 4 and 4", position)
	}
}

func TestPauseAndResetUnderLoad(t *testing.T) {
	s := setup{pairs: 2, size: 32, features: controlFeatures | FeatureMQ, eventIdx: true}
	c := newCard(t, s)
	stop := make(chan struct{})
	var load sync.WaitGroup
	for _, w := range c.backend.wires {
		load.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				_ = w.f.SetDeadline(time.Now().Add(time.Millisecond))
				_, _ = w.f.Write(join(plain(), ethernet(cardMAC, otherMAC, 60+i*97%9000)))
			}
		})
		load.Go(func() {
			p := make([]byte, 1<<17)
			for {
				select {
				case <-stop:
					return
				default:
				}
				_ = w.f.SetReadDeadline(time.Now().Add(time.Millisecond))
				_, _ = w.f.Read(p)
			}
		})
	}
	for round := range 6 {
		if round > 0 {
			c.active.Deactivate()
			c.activate(s)
		}
		var drivers sync.WaitGroup
		done := make(chan struct{})
		for pair := range 2 {
			drivers.Go(func() { drive(c.rx(pair), done, nil, 1526) })
			drivers.Go(func() { drive(c.tx(pair), done, ethernet(otherMAC, cardMAC, 3000), 0) })
		}
		for i := range 20 {
			switch i % 4 {
			case 0:
				c.do(ctrlMQ, ctrlMQVQPairsSet, le16(uint16(1+i/4%2)))
			case 1:
				c.device.Pause()
			case 2:
				c.device.Resume()
			case 3:
				c.device.SetLink(i%8 != 3)
			}
		}
		if round%2 == 0 { // a reset while the driver works
			c.active.Deactivate()
		}
		close(done)
		drivers.Wait()
	}
	close(stop)
	load.Wait()
}

// drive keeps a queue filled until done is closed.
func drive(q *virtqtest.Driver, done chan struct{}, frame []byte, room int) {
	for {
		select {
		case <-done:
			return
		default:
		}
		for {
			ok := false
			if frame != nil {
				_, ok = q.TryAdd([][]byte{plain(), frame}, nil)
			} else {
				_, ok = q.TryAdd(nil, []int{room})
			}
			if !ok {
				break
			}
		}
		q.Kick()
		for {
			if _, ok := q.Poll(); !ok {
				break
			}
		}
	}
}
