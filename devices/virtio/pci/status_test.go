package pci

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/hullvm/hull/devices/pci/pcitest"
	"github.com/hullvm/hull/devices/virtio"
	"github.com/hullvm/hull/devices/virtio/virtqtest"
	"github.com/hullvm/hull/internal/guesttest"
)

func TestDeviceIsActivatedWithWhatTheDriverSet(t *testing.T) {
	d := newFake()
	g := newGuest(t, d, nil).open()
	g.enableMSIX()
	g.negotiate(virtio.FeatureVersion1 | virtio.FeatureEventIdx | 1<<5)
	q := virtqtest.New(t, virtqtest.Options{Size: 8, Memory: g.memory})
	g.setQueue(0, q, 2)
	if got := d.take(); got != "[]" {
		t.Errorf("calls %v before DRIVER_OK", got)
	}
	g.write("device_status", working)
	if got := d.take(); got != "[activate]" {
		t.Errorf("calls %v", got)
	}
	a := d.activation()
	if a.Features != virtio.FeatureVersion1|virtio.FeatureEventIdx|1<<5 || a.Memory != g.memory.Guest {
		t.Errorf("features %#x", a.Features)
	}
	if len(a.Queues) != 2 || a.Queues[1] != nil || a.Queues[0].Layout != q.Layout() {
		t.Fatalf("queues %v", a.Queues)
	}
	if got := a.Queues[0].InterruptFD(); got != g.vectors.At(2).FD() {
		t.Errorf("interrupt is descriptor %d", got)
	}
	g.write("device_status", working)
	g.write("device_status", working|uint64(virtio.StatusFailed))
	if got := d.take(); got != "[]" {
		t.Errorf("calls %v after DRIVER_OK", got)
	}
	g.write("device_status", 0)
	g.write("device_status", 0)
	if got := d.take(); got != "[deactivate]" {
		t.Errorf("calls %v", got)
	}
}

func TestFeaturesOKDoesNotStick(t *testing.T) {
	for name, features := range map[string]uint64{
		"not offered":     virtio.FeatureVersion1 | 1<<6,
		"without VERSION": virtio.FeatureEventIdx,
		"none":            0,
	} {
		d := newFake()
		g := newGuest(t, d, nil).open()
		g.negotiate(features)
		g.expect("device_status", driven)
		g.write("device_status", working)
		g.expect("device_status", driven)
		if got := d.take(); got != "[]" {
			t.Errorf("%s: calls %v", name, got)
		}
		if g.transport.Stats().Refused != 2 {
			t.Errorf("%s: %d were refused", name, g.transport.Stats().Refused)
		}
		// Another try within the same initialisation.
		g.write("driver_feature_select", 0)
		g.write("driver_feature", 0)
		g.write("driver_feature_select", 1)
		g.write("driver_feature", virtio.FeatureVersion1>>32)
		g.write("device_status", agreed)
		g.expect("device_status", agreed)
	}
}

func TestResetWaitsForTheDevice(t *testing.T) {
	d := newFake()
	entered, leave := make(chan struct{}), make(chan struct{})
	d.hook = func(call string) error {
		if call == "deactivate" {
			close(entered)
			<-leave
		}
		return nil
	}
	g := newGuest(t, d, nil).open()
	g.start(virtio.FeatureVersion1, virtqtest.Options{})
	done := make(chan struct{})
	go func() {
		g.write("device_status", 0)
		close(done)
	}()
	<-entered
	g.expect("device_status", working) // as another virtual CPU reads it
	g.ring(0)                          // and notifies
	select {
	case <-done:
		t.Error("reset was done before the device")
	default:
	}
	close(leave)
	<-done
	d.hook = nil
	g.expect("device_status", 0)
	if n, err := g.transport.kicks[0].event.Take(); n != 0 || err != nil {
		t.Errorf("%d kicks are left, error %v", n, err)
	}
}

func TestBrokenDeviceNeedsAReset(t *testing.T) {
	var log bytes.Buffer
	d := newFake()
	g := newGuest(t, d, func(c *Config) { c.Log = guesttest.Logger(&log) }).open()
	g.enableMSIX()
	for round := range 2 {
		g.start(virtio.FeatureVersion1, virtqtest.Options{})
		a := d.activation()
		a.Broken(errors.New("descriptor 7: loop"))
		a.Broken(errors.New("again"))
		g.expect("device_status", broken)
		if sent := g.vectors.At(0).Sent(); len(sent) != 1 {
			t.Errorf("round %d: messages %v", round, sent)
		}
		if bits := g.isr(); bits != isrConfig {
			t.Errorf("ISR status is %#x", bits)
		}
		g.write("device_status", broken|uint64(virtio.StatusFailed))
		g.write("device_status", 0)
		g.expect("device_status", 0)
		// What comes late is of no more effect.
		generation := g.read("config_generation")
		a.Broken(errors.New("late"))
		a.ConfigChanged()
		g.expect("device_status", 0)
		g.expect("config_generation", generation)
	}
	if got := log.String(); strings.Count(got, "\n") != 2 || !strings.Contains(got, "descriptor 7: loop") {
		t.Errorf("log is %q", got)
	}
}

func TestActivationThatFailsNeedsAReset(t *testing.T) {
	var log bytes.Buffer
	d := newFake()
	d.hook = func(call string) error {
		if call == "activate" {
			return errors.New("no backend")
		}
		return nil
	}
	g := newGuest(t, d, func(c *Config) { c.Log = guesttest.Logger(&log) }).open()
	g.enableMSIX()
	g.start(virtio.FeatureVersion1, virtqtest.Options{})
	g.expect("device_status", broken)
	if sent := g.vectors.At(0).Sent(); len(sent) != 1 {
		t.Errorf("messages %v", sent)
	}
	if !strings.Contains(log.String(), "activate: no backend") {
		t.Errorf("log is %q", log.String())
	}
	g.write("device_status", 0)
	if got := d.take(); got != "[activate]" {
		t.Errorf("calls %v", got)
	}
	d.hook = nil
	g.start(virtio.FeatureVersion1, virtqtest.Options{})
	g.expect("device_status", working)
}

func TestQueueThatCannotBeNeedsAReset(t *testing.T) {
	for name, change := range map[string]func(g *guest){
		"outside memory":  func(g *guest) { g.write("queue_desc", 1<<40) },
		"past the end":    func(g *guest) { g.write("queue_device", 1<<20-8) },
		"at the very end": func(g *guest) { g.write("queue_desc", ^uint64(0)-15) },
		"crooked":         func(g *guest) { g.write("queue_desc", 0x1001) },
		"not a power":     func(g *guest) { g.write("queue_size", 63) },
	} {
		d := newFake()
		g := newGuest(t, d, nil).open()
		g.negotiate(virtio.FeatureVersion1)
		g.write("queue_desc", 0x1000)
		g.write("queue_driver", 0x2000)
		g.write("queue_device", 0x3000)
		change(g)
		g.write("queue_enable", 1)
		g.write("device_status", working)
		g.expect("device_status", broken)
		if got := d.take(); got != "[]" {
			t.Errorf("%s: calls %v", name, got)
		}
	}
}

func TestDeviceMayCallFromWithin(t *testing.T) {
	d := newFake()
	d.hook = func(call string) error {
		if call == "activate" || call == "deactivate" {
			d.activation().ConfigChanged()
		}
		if call == "pause" {
			d.activation().Broken(errors.New("from within"))
		}
		return nil
	}
	g := newGuest(t, d, nil).open()
	g.start(virtio.FeatureVersion1, virtqtest.Options{})
	g.expect("config_generation", 1)
	g.transport.Pause()
	g.expect("device_status", broken)
	g.write("device_status", 0)
	g.expect("config_generation", 2)
	g.expect("device_status", 0)
}

func TestPausedDeviceStaysSo(t *testing.T) {
	d := newFake()
	g := newGuest(t, d, nil).open()
	g.transport.Pause()
	g.transport.Pause()
	g.start(virtio.FeatureVersion1, virtqtest.Options{})
	if got := d.take(); got != "[activate pause]" {
		t.Errorf("calls %v", got)
	}
	g.transport.Resume()
	g.transport.Resume()
	g.transport.Pause()
	g.write("device_status", 0)
	g.transport.Resume()
	if got := d.take(); got != "[resume pause deactivate]" {
		t.Errorf("calls %v", got)
	}
	g.start(virtio.FeatureVersion1, virtqtest.Options{})
	if err := g.transport.Close(); err != nil {
		t.Error(err)
	}
	if got := d.take(); got != "[activate deactivate]" {
		t.Errorf("calls %v", got)
	}
	// Whoever still has the function's registers gets nowhere.
	f := g.transport.Function()
	for _, w := range []struct {
		off   uint64
		value byte
	}{
		{regDeviceStatus, 0},
		{regDeviceStatus, 1},
		{regDeviceStatus, byte(driven)},
		{regDriverFeatureSelect, 1},
		{regDriverFeature, 1},
		{regDeviceStatus, byte(agreed)},
		{regDeviceStatus, byte(working)},
		{notifyOffset, 0},
	} {
		f.WriteBAR(0, w.off, []byte{w.value})
	}
	if status := make([]byte, 1); !f.ReadBAR(0, regDeviceStatus, status) || uint64(status[0]) != working {
		t.Errorf("status is %#x", status[0])
	}
	if got := d.take(); got != "[]" {
		t.Errorf("calls %v after close", got)
	}
}

func TestDeviceIsStillWhileItIsNoBusMaster(t *testing.T) {
	d := newFake()
	g := newGuest(t, d, nil).open()
	expect := func(step, want string) {
		t.Helper()
		if got := d.take(); got != want {
			t.Errorf("%s: calls %v, want %v", step, got, want)
		}
	}
	g.space.Command(0, pcitest.BusMaster)
	g.start(virtio.FeatureVersion1, virtqtest.Options{})
	expect("started without", "[activate pause]")
	g.space.Command(pcitest.BusMaster, 0)
	expect("set", "[resume]")
	g.space.Command(pcitest.InterruptDisable, 0)
	expect("another bit", "[]")
	g.space.Command(0, pcitest.BusMaster)
	expect("cleared", "[pause]")
	g.transport.Pause()
	g.space.Command(pcitest.BusMaster, 0)
	expect("set while paused", "[]")
	g.transport.Resume()
	expect("resumed", "[resume]")
	g.write("device_status", 0)
	g.space.Command(0, pcitest.BusMaster)
	expect("reset", "[deactivate]")
}
