package rng

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/hullvm/hull/devices/devicestest"
	"github.com/hullvm/hull/devices/virtio/virtqtest"
	"github.com/hullvm/hull/vmstate"
	"github.com/hullvm/hull/vmstate/vmstatetest"
)

func TestADeviceGoesOnElsewhere(t *testing.T) {
	for bits := range 8 {
		o := virtqtest.Options{Size: 16, Packed: bits&1 != 0, EventIndex: bits&2 != 0, InOrder: bits&4 != 0}
		t.Run(fmt.Sprintf("%+v", o), func(t *testing.T) {
			devicestest.CheckGoroutines(t)
			device := New(Config{Source: new(counting)})
			d := virtqtest.New(t, o)
			virtqtest.Activate(t, device, 0, d)
			for range 20 {
				d.Do(t, nil, []int{10})
			}
			device.Pause()
			d.Add(nil, []int{64})

			there := New(Config{Source: new(counting)})
			vmstatetest.RoundTrip(t, device, there)
			moved := d.Move(t, d.Memory.Copy(t))
			active := virtqtest.ActivateHeld(t, there, 0, moved)
			if o.Packed {
				there.Pause() // which it is already
			}
			if _, ok := moved.Poll(); ok || there.Stats().Requests > 0 {
				t.Fatal("a device that is held served")
			}
			active.Resume()
			for range 20 {
				if u := moved.Wait(t); u.Written == 0 {
					t.Error("a request got nothing")
				}
				moved.Add(nil, []int{10})
				moved.Kick()
			}
			moved.Wait(t)
		})
	}
}

// What is the same in two clones is not their random bytes.
func TestClonesGetBytesOfTheirOwn(t *testing.T) {
	var got [2][]byte
	for i := range got {
		device := New(Config{})
		d := virtqtest.New(t, virtqtest.Options{})
		virtqtest.ActivateHeld(t, device, 0, d).Resume()
		got[i] = d.Do(t, nil, []int{64}).Bytes()
	}
	if len(got[0]) != 64 || bytes.Equal(got[0], got[1]) {
		t.Errorf("two devices gave %x and %x", got[0], got[1])
	}
}

func TestADeviceThatNeverGoesOnIsDeactivated(t *testing.T) {
	devicestest.CheckGoroutines(t)
	device := New(Config{})
	d := virtqtest.New(t, virtqtest.Options{})
	virtqtest.ActivateHeld(t, device, 0, d).Deactivate()
}

func TestTheStateOfTheFirstVersion(t *testing.T) {
	vmstatetest.Golden(t, "v1-rng", false, New(Config{}), New(Config{}))
}

func FuzzLoad(f *testing.F) {
	vmstatetest.Fuzz(f, func() vmstate.Keeper { return New(Config{}) }, New(Config{}))
}
