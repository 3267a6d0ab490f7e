package blk

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/hullvm/hull/devices/devicestest"
	"github.com/hullvm/hull/devices/virtio/virtqtest"
	"github.com/hullvm/hull/vmstate"
	"github.com/hullvm/hull/vmstate/vmstatetest"
)

// A disk is moved with requests that it has not taken.
func TestADiskGoesOnElsewhere(t *testing.T) {
	for bits := range 8 {
		o := virtqtest.Options{Packed: bits&1 != 0, EventIndex: bits&2 != 0, InOrder: bits&4 != 0}
		t.Run(fmt.Sprintf("%+v", o), func(t *testing.T) {
			devicestest.CheckGoroutines(t)
			checkDescriptors(t)
			disk := newRAM(4096)
			device := newDevice(t, Config{Backend: disk})
			d := virtqtest.New(t, o)
			virtqtest.Activate(t, device, allFeatures, d)
			for i := range 20 {
				expect(t, d, [][]byte{header(kindOut, 0), pattern(512, byte(i))}, []int{1}, statusOK, 1)
			}
			device.WriteConfig(regWriteback, []byte{0})
			device.Pause()
			d.Add([][]byte{header(kindOut, 1), pattern(512, 99)}, []int{1})
			d.Add([][]byte{header(kindIn, 1)}, []int{512, 1})

			other := newRAM(4096)
			there := newDevice(t, Config{Backend: other})
			vmstatetest.RoundTrip(t, device, there)
			moved := d.Move(t, d.Memory.Copy(t))
			active := virtqtest.ActivateHeld(t, there, allFeatures, moved)
			if o.Packed {
				there.Pause() // which it is already
			}
			if _, ok := moved.Poll(); ok || len(other.takeCalls()) > 0 {
				t.Fatal("a device that is held served")
			}
			active.Resume()
			for range 2 {
				if u := moved.Wait(t); statusOf(u) != statusOK {
					t.Errorf("status %d", statusOf(u))
				}
			}
			if got := other.takeCalls(); !strings.Contains(strings.Join(got, " "), "flush") {
				t.Errorf("a disk that writes through was asked for %q", got)
			}
			expect(t, moved, [][]byte{header(kindIn, 0)}, []int{512, 1}, statusOK, 513)
			select {
			case <-active.ConfigChanges:
				t.Error("told of a size that is the same")
			default:
			}
			active.Deactivate()
			var mode [1]byte
			if there.ReadConfig(regWriteback, mode[:]); mode[0] != 1 {
				t.Error("the cache mode outlives a reset")
			}
		})
	}
}

// A driver that cannot flush has no cache at first, and may ask for one later.
func TestTheCacheModeIsWhatTheDriverMadeIt(t *testing.T) {
	for _, mode := range []byte{0, 1} {
		device := newDevice(t, Config{Backend: newRAM(4096)})
		d := virtqtest.New(t, virtqtest.Options{})
		virtqtest.Activate(t, device, FeatureConfigWCE, d)
		device.WriteConfig(regWriteback, []byte{mode})
		device.Pause()
		there := newDevice(t, Config{Backend: newRAM(4096)})
		vmstatetest.RoundTrip(t, device, there)
		virtqtest.ActivateHeld(t, there, FeatureConfigWCE, d.Move(t, d.Memory.Copy(t))).Resume()
		got := []byte{9}
		if there.ReadConfig(regWriteback, got); got[0] != mode {
			t.Errorf("the cache mode is %d, and was %d", got[0], mode)
		}
	}
}

// The driver learns of another size, once, when it can run.
func TestADiskOfAnotherSizeIsTold(t *testing.T) {
	for _, active := range []bool{true, false} {
		device := newDevice(t, Config{Backend: newRAM(4096)})
		d := virtqtest.New(t, virtqtest.Options{})
		there := newDevice(t, Config{Backend: newRAM(8192)})
		if err := vmstatetest.Load(there, vmstatetest.Bytes(t, device)); err != nil {
			t.Fatal(err)
		}
		if got := vmstatetest.Bytes(t, there); !bytes.Equal(got, vmstatetest.Bytes(t, device)) {
			t.Error("saved again, the driver knows of what it was not told")
		}
		var a *virtqtest.Active
		if active {
			a = virtqtest.ActivateHeld(t, there, allFeatures, d)
			select {
			case <-a.ConfigChanges:
				t.Error("told before it may run")
			default:
			}
			a.Resume()
		} else { // its driver was on its way
			there.Resume()
			a = virtqtest.Activate(t, there, allFeatures, d)
		}
		<-a.ConfigChanges
		there.Pause()
		there.Resume()
		select {
		case <-a.ConfigChanges:
			t.Error("told twice")
		default:
		}
		expect(t, d, [][]byte{header(kindIn, 15)}, []int{512, 1}, statusOK, 513)
		a.Deactivate()
	}
}

func config() Config {
	return Config{Backend: newRAM(1 << 20), Serial: "disk-1", Queues: 2, QueueSize: 64, BlockSize: 512, PhysicalBlockSize: 4096}
}

func TestAnotherDiskIsRefused(t *testing.T) {
	saved := newDevice(t, config())
	saved.WriteConfig(regWriteback, []byte{0})
	for want, change := range map[string]func(*Config){
		`its serial was "disk-1", and is "disk-2" here`:      func(c *Config) { c.Serial = "disk-2" },
		`its serial was "disk-1", and is "" here`:            func(c *Config) { c.Serial = "" },
		"it was read-only false, and is true here":           func(c *Config) { c.ReadOnly = true },
		"its number of queues was 2, and is 1 here":          func(c *Config) { c.Queues = 1 },
		"its queue size was 64, and is 128 here":             func(c *Config) { c.QueueSize = 128 },
		"its block size was 512, and is 4096 here":           func(c *Config) { c.BlockSize = 4096 },
		"its physical block size was 4096, and is 8192 here": func(c *Config) { c.PhysicalBlockSize = 8192 },
	} {
		c := config()
		change(&c)
		d := newDevice(t, c)
		before := vmstatetest.Bytes(t, d)
		err := vmstatetest.Load(d, vmstatetest.Bytes(t, saved))
		if err == nil || !strings.Contains(err.Error(), `disk "root": `+want) || !errors.Is(err, vmstate.ErrBadState) {
			t.Errorf("error %v, want ErrBadState that has %q", err, want)
		}
		if !bytes.Equal(before, vmstatetest.Bytes(t, d)) {
			t.Errorf("%q: refused, and yet taken in part", want)
		}
	}
}

func TestTheStateOfTheFirstVersion(t *testing.T) {
	d := newDevice(t, config())
	d.WriteConfig(regWriteback, []byte{0})
	vmstatetest.Golden(t, "v1-disk", false, d, newDevice(t, config()))
}

func FuzzLoad(f *testing.F) {
	written := newDevice(f, config())
	written.WriteConfig(regWriteback, []byte{0})
	disk := newRAM(1 << 20)
	fresh := func() vmstate.Keeper {
		c := config()
		c.Backend = disk
		d, err := New(c)
		if err != nil {
			panic(err) // made of constants
		}
		return d
	}
	vmstatetest.Fuzz(f, fresh, written, newDevice(f, config()))
}
