package balloon

import (
	"errors"
	"fmt"
	"testing"

	"github.com/hullvm/hull/devices/devicestest"
	"github.com/hullvm/hull/devices/virtio/virtqtest"
	"github.com/hullvm/hull/vmstate"
	"github.com/hullvm/hull/vmstate/vmstatetest"
)

// A balloon is moved with pages on their way and a buffer of statistics in its
// queue.
func TestABalloonGoesOnElsewhere(t *testing.T) {
	for bits := range 8 {
		o := virtqtest.Options{Packed: bits&1 != 0, EventIndex: bits&2 != 0, InOrder: bits&4 != 0}
		t.Run(fmt.Sprintf("%+v", o), func(t *testing.T) {
			devicestest.CheckGoroutines(t)
			o.Memory = newMemory(t)
			drivers := make([]*virtqtest.Driver, 3)
			for i := range drivers {
				o.Index = i
				drivers[i] = virtqtest.New(t, o)
			}
			device := newBalloon(t, Config{Statistics: true, Target: 1 << 20})
			active := virtqtest.Activate(t, device, FeatureStatistics, drivers...)
			for i := range 20 {
				drivers[0].Do(t, [][]byte{pfns(guestPages + uint32(i))}, nil)
			}
			rig := &statsRig{device: device, active: active, driver: drivers[2]}
			rig.put(stat(MemoryFree, 1))
			asked := rig.ask(t.Context())
			rig.driver.Wait(t)
			rig.put(stat(MemoryFree, 2))
			if a := <-asked; a.err != nil {
				t.Fatal(a.err)
			}
			device.WriteConfig(regActual, []byte{20, 0, 0, 0})
			if err := device.SetTarget(2 << 20); err != nil {
				t.Fatal(err)
			}
			device.Pause()
			drivers[0].Add([][]byte{pfns(guestPages + 21)}, nil)

			there := newBalloon(t, Config{Statistics: true, Target: 1 << 20})
			vmstatetest.RoundTrip(t, device, there)
			m := o.Memory.Copy(t)
			for i, d := range drivers {
				drivers[i] = d.Move(t, m)
			}
			moved := virtqtest.ActivateHeld(t, there, FeatureStatistics, drivers...)
			if o.Packed {
				there.Pause() // which it is already
			}
			if _, err := there.Stats(t.Context()); !errors.Is(err, ErrPaused) {
				t.Errorf("error %v, want %v", err, ErrPaused)
			}
			if _, ok := drivers[0].Poll(); ok || there.Counters().Inflated > 0 {
				t.Fatal("a device that is held served")
			}
			if there.Target() != 2<<20 || there.Actual() != 20*pageSize {
				t.Errorf("target %d, actual %d", there.Target(), there.Actual())
			}
			moved.Resume()
			drivers[0].Wait(t)
			drivers[1].Do(t, [][]byte{pfns(guestPages)}, nil)
			rig = &statsRig{device: there, active: moved, driver: drivers[2]}
			asked = rig.ask(t.Context())
			rig.driver.Wait(t)
			rig.put(stat(MemoryFree, 3))
			if a := <-asked; a.err != nil || a.stats[MemoryFree] != 3 {
				t.Errorf("statistics are %v, %v", a.stats, a.err)
			}
			if c := there.Counters(); c.Inflated != 1 || c.Deflated != 1 {
				t.Errorf("counters are %+v", c)
			}
		})
	}
}

func TestABalloonThatNeverGoesOnIsDeactivated(t *testing.T) {
	devicestest.CheckGoroutines(t)
	device := newBalloon(t, Config{Statistics: true, Reporting: true})
	d := virtqtest.New(t, virtqtest.Options{})
	virtqtest.ActivateHeld(t, device, allFeatures, d, nil, virtqtest.New(t, virtqtest.Options{Memory: d.Memory})).Deactivate()
}

// written is a balloon whose registers are not what they were at first.
func written(t testing.TB) *Device {
	d := newBalloon(t, Config{Target: 5 << 20})
	d.WriteConfig(regActual, []byte{1, 2, 3, 4})
	d.WriteConfig(regPoisonVal, []byte{0xaa, 0xaa, 0xaa, 0xaa})
	return d
}

func TestTheStateOfTheFirstVersion(t *testing.T) {
	vmstatetest.Golden(t, "v1-balloon", false, written(t), newBalloon(t, Config{}))
}

func FuzzLoad(f *testing.F) {
	fresh := func() vmstate.Keeper {
		d, err := New(Config{})
		if err != nil {
			panic(err) // made of constants
		}
		return d
	}
	vmstatetest.Fuzz(f, fresh, written(f), fresh())
}
