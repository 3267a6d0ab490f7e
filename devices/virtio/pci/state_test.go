package pci

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hullvm/hull/devices/devicestest"
	"github.com/hullvm/hull/devices/pci/pcitest"
	"github.com/hullvm/hull/devices/virtio"
	"github.com/hullvm/hull/devices/virtio/virtq"
	"github.com/hullvm/hull/devices/virtio/virtqtest"
	"github.com/hullvm/hull/vmstate"
	"github.com/hullvm/hull/vmstate/vmstatetest"
)

// whole is what is saved of a guest.
type whole struct{ *guest }

func (w whole) Save(out vmstate.Out) error {
	return errors.Join(w.Root.Save(out.At("pci")), w.transport.Save(out.At("virtio")))
}

func (w whole) Load(in vmstate.In) error {
	return errors.Join(w.Root.Load(in.At("pci")), w.transport.Load(in.At("virtio")))
}

// move is the guest, which is paused, as it stands, with another device and
// another transport, not resumed.
func (g *guest) move(m *virtqtest.Memory, d virtio.Device, change func(*Config)) *guest {
	g.t.Helper()
	moved := newGuestIn(g.t, m, d, change)
	vmstatetest.RoundTrip(g.t, whole{g}, whole{moved})
	moved.structures = g.structures
	return moved
}

// A guest is moved with requests on their way that its device was not told of, and
// that nobody tells the other device of.
func TestADeviceGoesOnInAnotherTransport(t *testing.T) {
	for bits := range 16 {
		o := virtqtest.Options{Size: 16, Packed: bits&1 != 0, EventIndex: bits&2 != 0, InOrder: bits&4 != 0, Indirect: bits&4 != 0}
		intx := bits&8 != 0
		t.Run(fmt.Sprintf("%+v intx %v", o, intx), func(t *testing.T) {
			change := func(c *Config) {
				if intx {
					c.Vectors = nil
				}
			}
			g := newGuest(t, &loopback{sizes: []uint16{16, 16}}, change).open()
			drivers := g.startAny(o, intx)
			for i, d := range drivers {
				g.roundTrip(i, d, g.vector(i, intx))
			}
			g.transport.Pause()
			for i, d := range drivers {
				for range 3 {
					d.Add([][]byte{[]byte("on its way")}, []int{100})
				}
				g.ring(i)
			}

			moved := g.move(g.memory.Copy(t), &loopback{sizes: []uint16{16, 16}}, change)
			there := make([]*virtqtest.Driver, len(drivers))
			for i, d := range drivers {
				there[i] = d.Move(t, moved.memory)
				if _, ok := there[i].Poll(); ok {
					t.Fatal("a device that was not resumed served")
				}
			}
			for _, at := range []struct {
				*guest
				drivers []*virtqtest.Driver
			}{{moved, there}, {g, drivers}} {
				at.transport.Resume()
				at.collect(at.drivers, 3, "on its way", intx)
				for i, d := range at.drivers {
					at.roundTrip(i, d, at.vector(i, intx))
				}
			}
			moved.write("device_status", 0) // and is as good as new
			for i, d := range moved.startAny(o, intx) {
				moved.roundTrip(i, d, moved.vector(i, intx))
			}
		})
	}
}

// startAny is start by MSI-X or INTx.
func (g *guest) startAny(o virtqtest.Options, intx bool) (drivers []*virtqtest.Driver) {
	g.t.Helper()
	if !intx {
		g.enableMSIX()
		return g.start(featuresOf(o), o)
	}
	g.negotiate(featuresOf(o))
	for i := range g.transport.queues {
		o.Index, o.Memory = i, g.memory
		d := virtqtest.New(g.t, o)
		g.setQueue(i, d, noVector)
		drivers = append(drivers, d)
	}
	g.write("device_status", working)
	return drivers
}

// collect waits until the drivers have n used requests each, which all say the
// same. A ring is looked at after an interrupt alone.
func (g *guest) collect(drivers []*virtqtest.Driver, n int, want string, intx bool) {
	g.t.Helper()
	left := n * len(drivers)
	devicestest.Eventually(g.t, "the requests that were on their way", func() bool {
		if intx && (!g.line.Level() || g.isr() == 0) {
			return false
		}
		for i, d := range drivers {
			if !intx && len(g.vector(i, intx).Sent()) == 0 {
				continue
			}
			for u, ok := d.Poll(); ok; u, ok = d.Poll() {
				if left--; string(u.Bytes()) != want {
					g.t.Errorf("queue %d: got %q, want %q", i, u.Bytes(), want)
				}
			}
		}
		return left == 0
	})
}

// vector is that of a queue, nil for INTx.
func (g *guest) vector(queue int, intx bool) *pcitest.Vector {
	if intx {
		return nil
	}
	return g.vectors.At(queue + 1)
}

// Everybody is told once after a load, and not again.
func TestNotificationsThatWereLostAreMadeUpFor(t *testing.T) {
	d := newFake()
	g := newGuest(t, d, nil).open()
	g.enableMSIX()
	g.start(virtio.FeatureVersion1, virtqtest.Options{})
	g.transport.Pause()

	other := newFake()
	moved := g.move(g.memory.Copy(t), other, nil)
	expect := func(when, calls string, kicks uint64, messages int) {
		t.Helper()
		if got := other.take(); got != calls {
			t.Errorf("%s: calls %v, want %v", when, got, calls)
		}
		for i, k := range moved.transport.kicks {
			if n, err := k.event.Take(); n != kicks || err != nil {
				t.Errorf("%s: queue %d: %d kicks, want %d, error %v", when, i, n, kicks, err)
			}
		}
		if n := len(moved.vectors.At(0).Sent()); n != 0 {
			t.Errorf("%s: %d interrupts for the configuration", when, n)
		}
		for i := range 2 {
			if n := len(moved.vectors.At(i + 1).Sent()); n != messages {
				t.Errorf("%s: queue %d: %d interrupts, want %d", when, i, n, messages)
			}
		}
	}
	expect("loaded", "[load activate]", 0, 0)
	if a := other.activation(); !a.Held || a.Features != virtio.FeatureVersion1 {
		t.Errorf("held %v, features %#x", a.Held, a.Features)
	}
	moved.space.Command(0, pcitest.BusMaster)
	moved.space.Command(pcitest.BusMaster, 0)
	expect("with bus master again", "[]", 0, 0)
	moved.space.Command(0, pcitest.BusMaster)
	moved.transport.Resume()
	expect("without bus master", "[]", 0, 0)
	moved.space.Command(pcitest.BusMaster, 0)
	expect("resumed", "[resume]", 1, 1)
	moved.transport.Pause()
	moved.transport.Resume()
	expect("resumed again", "[pause resume]", 0, 0)

	served := make(chan struct{}, 1)
	w, err := virtio.StartWorker(other.activation().Queues[0], func() error { served <- struct{}{}; return nil }, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	<-served // nothing holds workers that start later
	w.Stop()
}

// The driver is on its way, and goes on with the other device.
func TestADriverThatIsNotReadyGoesOn(t *testing.T) {
	for _, status := range []uint64{0, 1, driven, agreed, driven | uint64(virtio.StatusFailed)} {
		g := newGuest(t, newFake(), nil).open()
		g.write("device_status", status&driven)
		g.write("device_feature_select", 1)
		g.write("driver_feature_select", 1)
		g.write("driver_feature", 1)
		g.write("driver_feature_select", 7)
		g.write("device_status", status)
		g.write("config_msix_vector", 2)
		g.write("queue_select", 1)
		g.write("queue_size", 8)
		g.write("queue_desc", 0x12345678_9abcdef0) // which is nowhere
		if status == agreed {
			g.write("queue_enable", 1)
		}
		g.transport.Pause()
		other := newFake()
		moved := g.move(g.memory.Copy(t), other, nil)
		moved.transport.Resume()
		for name := range g.registers {
			if got, want := moved.read(name), g.read(name); got != want {
				t.Errorf("status %#x: %s is %#x, and was %#x", status, name, got, want)
			}
		}
		if got := other.take(); got != "[load]" {
			t.Errorf("calls %v", got)
		}
	}
}

func TestADeviceThatNeedsAResetIsStillUntilThen(t *testing.T) {
	g := newGuest(t, newFake(), nil).open()
	g.enableMSIX()
	g.start(virtio.FeatureVersion1, virtqtest.Options{})
	g.transport.device.(*fake).activation().Broken(errors.New("bad request"))
	g.transport.Pause()
	other := newFake()
	moved := g.move(g.memory.Copy(t), other, nil)
	moved.transport.Resume()
	moved.expect("device_status", broken)
	if got := other.take(); got != "[load activate]" || len(moved.vectors.At(1).Sent()) > 0 {
		t.Errorf("calls %v", got)
	}
	moved.start(virtio.FeatureVersion1, virtqtest.Options{})
	moved.transport.Pause()
	moved.transport.Resume()
	if got := other.take(); got != "[deactivate activate pause resume]" {
		t.Errorf("calls %v", got)
	}
}

// What a ring holds is not part of the state: it is judged when the device goes on.
func TestABrokenRingIsFoundWhenTheDeviceGoesOn(t *testing.T) {
	g := newGuest(t, &loopback{sizes: []uint16{16, 16}}, nil).open()
	g.enableMSIX()
	drivers := g.start(virtio.FeatureVersion1, virtqtest.Options{})
	g.transport.Pause()
	m := g.memory.Copy(t)
	drivers[1].Move(t, m).Split().PutAvail(999)
	moved := g.move(m, &loopback{sizes: []uint16{16, 16}}, nil)
	moved.expect("device_status", working)
	arrived := moved.vectors.At(0).Arrived()
	moved.transport.Resume()
	select {
	case <-arrived:
	case <-time.After(10 * time.Second): // of no working code's
		t.Fatal("no interrupt")
	}
	moved.expect("device_status", broken)
}

func TestTheInterruptIsWhatItWas(t *testing.T) {
	g := newGuest(t, newFake(), func(c *Config) { c.Vectors = nil }).open()
	g.startAny(virtqtest.Options{}, true)
	g.transport.device.(*fake).activation().ConfigChanged()
	g.transport.Pause()
	moved := g.move(g.memory.Copy(t), newFake(), func(c *Config) { c.Vectors = nil })
	if !moved.line.Level() || moved.line.Rises() != 0 {
		t.Error("the line is not high, or rose")
	}
	moved.transport.Resume()
	if got := moved.isr(); got != isrConfig|isrQueue || moved.line.Level() {
		t.Errorf("ISR status %#x, line %v", got, moved.line.Level())
	}
	moved.expect("config_generation", 1)
}

// unkept is a device that cannot be saved.
type unkept struct{ virtio.Device }

func TestWhatCannotBeSaved(t *testing.T) {
	g := newGuest(t, unkept{newFake()}, nil).open()
	for _, err := range []error{g.transport.Save(vmstate.New().Out("x")), g.transport.Load(vmstate.New().In("x"))} {
		if err == nil || !strings.Contains(err.Error(), `virtio device "test"`) || !strings.Contains(err.Error(), "a device of type 1 cannot be saved") {
			t.Errorf("error %v", err)
		}
	}
	g = newGuest(t, newFake(), nil).open()
	g.start(virtio.FeatureVersion1, virtqtest.Options{})
	if err := g.transport.Save(vmstate.New().Out("x")); !errors.Is(err, errRunning) {
		t.Errorf("error %v, want %v", err, errRunning)
	}
	g.transport.Pause()
	state := vmstatetest.Bytes(t, g.transport)
	if err := vmstatetest.Load(g.transport, state); !errors.Is(err, errInUse) {
		t.Errorf("error %v, want %v", err, errInUse)
	}
	closed := newGuestIn(t, g.memory, newFake(), nil).transport
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	if err := closed.Save(vmstate.New().Out("x")); !errors.Is(err, errClosed) {
		t.Errorf("error %v, want %v", err, errClosed)
	}
	if err := vmstatetest.Load(closed, state); !errors.Is(err, errInUse) {
		t.Errorf("error %v, want %v", err, errInUse)
	}
	failed := errors.New("no memory")
	d := newFake()
	d.hook = func(call string) error {
		if call == "activate" {
			return failed
		}
		return nil
	}
	if err := vmstatetest.Load(newGuestIn(t, g.memory, d, nil).transport, state); !errors.Is(err, failed) {
		t.Errorf("error %v, want %v", err, failed)
	}
}

// parked is a guest whose driver works, of which little is left to chance.
func parked(t testing.TB) *guest {
	t.Helper()
	d := newFake()
	g := newGuestIn(t, virtqtest.NewMemory(t, 1<<20), d, nil).open()
	g.enableMSIX()
	g.start(virtio.FeatureVersion1|virtio.FeatureEventIdx|virtio.FeatureRingPacked|1<<50, virtqtest.Options{Size: 8, Packed: true, EventIndex: true, Start: 21})
	for i := range g.transport.queues {
		if err := d.activation().Queues[i].Restore(virtq.Position{Next: 5, Used: 5}); err != nil {
			t.Fatal(err)
		}
	}
	g.write("queue_select", 300)
	g.write("driver_feature_select", 1)
	d.activation().ConfigChanged()
	d.config[3] = 9
	g.transport.Pause()
	return g
}

func TestTheStateOfTheFirstVersion(t *testing.T) {
	g := parked(t)
	vmstatetest.Golden(t, "v1-transport", false, g.transport, newGuestIn(t, g.memory, newFake(), nil).transport)
}

func TestStatesThatCannotBe(t *testing.T) {
	g := parked(t)
	good := vmstatetest.Bytes(t, g.transport)
	for want, damage := range map[string]func(*transportState){
		"a device of type 2, here one of 1":      func(s *transportState) { s.Device = 2 },
		"are missing":                            func(s *transportState) { s.Offered |= 1 << 6 },
		"of 0x100000000 that were offered":       func(s *transportState) { s.Offered = virtio.FeatureVersion1 },
		"driver accepts feature 7":               func(s *transportState) { s.Driver |= 1 << 7 },
		"accepts features from 64 on":            func(s *transportState) { s.Beyond = true },
		"no driver can have brought it about":    func(s *transportState) { s.Status = 2 },
		"whose being active is true":             func(s *transportState) { s.Status = uint8(agreed) },
		"whose being active is false":            func(s *transportState) { s.Active = false },
		"ISR status is 0x4":                      func(s *transportState) { s.ISR = 4 },
		"config_msix_vector is 0x3":              func(s *transportState) { s.ConfigVector = 3 },
		"a device of 1 queues, here of 2":        func(s *transportState) { s.Queues = s.Queues[:1] },
		"queue 1: 0 entries: want 1 to 16":       func(s *transportState) { s.Queues[1].Size = 0 },
		"queue 1: 17 entries: want 1 to 16":      func(s *transportState) { s.Queues[1].Size = 17 },
		"queue 1: its vector is 0xfffe":          func(s *transportState) { s.Queues[1].Vector = 0xfffe },
		"queue 0: enabled true, and where":       func(s *transportState) { s.Queues[0].Position = nil },
		"queue 0: enabled false, and where":      func(s *transportState) { s.Queues[0].Enabled = false },
		"queue 0: driver broke the ring: descri": func(s *transportState) { s.Queues[0].Desc = 1 << 60 },
		"queue 1: driver broke the ring: device": func(s *transportState) { s.Queues[1].Device++ },
		"queue 1: queue position: next":          func(s *transportState) { s.Queues[1].Position.Next = 8 },
		"queue 0: queue position: next":          func(s *transportState) { s.Queues[0].Position.Used = 6 },
		"want a power of 2": func(s *transportState) {
			s.Driver &^= virtio.FeatureRingPacked
			s.Queues[0].Size = 7
		},
	} {
		s := g.transport.state()
		damage(&s)
		d := newFake()
		other := newGuestIn(t, g.memory, d, nil)
		fresh := vmstatetest.Bytes(t, other.transport)
		state := vmstate.New()
		if err := errors.Join(state.Out("x").Put(1, s), state.Out("x/device").Put(1, fakeState{make([]byte, 64)})); err != nil {
			t.Fatal(err)
		}
		err := other.transport.Load(state.In("x"))
		if err == nil || !strings.Contains(err.Error(), want) || !errors.Is(err, vmstate.ErrBadState) {
			t.Errorf("error %v, want ErrBadState that has %q", err, want)
		}
		if got := d.take(); got != "[]" || !bytes.Equal(fresh, vmstatetest.Bytes(t, other.transport)) {
			t.Errorf("%q: refused, and yet taken in part; calls %v", want, got)
		}
	}
	if err := vmstatetest.Load(newGuestIn(t, g.memory, newFake(), nil).transport, good); err != nil {
		t.Error(err)
	}
}

// FuzzLoad loads hostile states: what is taken runs, and can be saved again.
func FuzzLoad(f *testing.F) {
	working := parked(f)
	for _, g := range []*guest{working, newGuestIn(f, working.memory, newFake(), nil)} {
		s := vmstate.New()
		if err := g.transport.Save(s.Out("test")); err != nil {
			f.Fatal(err)
		}
		f.Add(s.Values())
	}
	f.Fuzz(func(t *testing.T, values []byte) {
		m := virtqtest.NewMemory(t, 1<<20)
		g := newGuestIn(t, m, newFake(), nil)
		fresh := vmstatetest.Bytes(t, g.transport)
		if g.transport.Load(vmstate.FromValues(values).In("test")) != nil {
			if !bytes.Equal(fresh, vmstatetest.Bytes(t, g.transport)) {
				t.Error("refused, and yet taken in part")
			}
			return
		}
		vmstatetest.RoundTrip(t, g.transport, newGuestIn(t, m, newFake(), nil).transport)
		g.open()
		g.transport.Resume()
		g.checkSizes(64)
		g.write("device_status", 0)
		g.expect("device_status", 0)
	})
}
