package devicestest

import (
	"bytes"
	"fmt"
	"sync"
	"testing"

	"github.com/hullvm/hull/devices"
	"github.com/hullvm/hull/vmstate/vmstatetest"
)

// Conform runs the checks that every device passes. open makes a fresh device
// whose callbacks may be called at any time; close ends it.
func Conform(t *testing.T, open func(t *testing.T) (d devices.Device, end func())) {
	t.Helper()
	for name, check := range map[string]func(*testing.T, devices.Device, *devices.Bus){
		"reads fill every byte":                readsFill,
		"odd accesses are absorbed":            oddAccesses,
		"regions stay the same":                regionsStay,
		"pausing and resuming may be repeated": pauseRepeats,
		"many may access at once":              manyAccess,
	} {
		t.Run(name, func(t *testing.T) {
			CheckGoroutines(t)
			d, end := open(t)
			defer end()
			bus := devices.NewBus("test", devices.PortLimit)
			if err := bus.Add(d.Regions()...); err != nil {
				t.Fatal(err)
			}
			check(t, d, bus)
		})
	}
	t.Run("a state that was saved is loaded", func(t *testing.T) {
		CheckGoroutines(t)
		d, end := open(t)
		defer end()
		fresh, endFresh := open(t)
		defer endFresh()
		stateKept(t, d, fresh)
	})
}

// stateKept saves the state of a device that many things were done to, and wants
// the device that loads it to have the same registers and the same state for ever
// after.
func stateKept(t *testing.T, d, fresh devices.Device) {
	var buses [2]*devices.Bus
	for i, d := range []devices.Device{d, fresh} {
		buses[i] = devices.NewBus("test", devices.PortLimit)
		if err := buses[i].Add(d.Regions()...); err != nil {
			t.Fatal(err)
		}
	}
	oddAccesses(t, d, buses[0])
	d.Pause()
	vmstatetest.RoundTrip(t, d, fresh)
	for _, r := range d.Regions() {
		for off := range r.Size {
			var p [2][1]byte
			for i, bus := range buses {
				bus.Read(r.Base+off, p[i][:])
			}
			if p[0] != p[1] {
				t.Errorf("region %q: byte %#x is %#x where it was loaded, want %#x", r.Name, off, p[1], p[0])
			}
		}
	}
	if was, is := vmstatetest.Bytes(t, d), vmstatetest.Bytes(t, fresh); !bytes.Equal(was, is) {
		t.Errorf("after that the states are\n%x where it was saved, and\n%x where it was loaded", was, is)
	}
}

// readsFill reads twice over different bytes: what differs was not filled in.
// Registers that change by being read settle after some reads.
func readsFill(t *testing.T, d devices.Device, _ *devices.Bus) {
	d.Pause()
	for _, r := range d.Regions() {
		for _, n := range []int{1, 2, 4, 8} {
			for off := uint64(0); off+uint64(n) <= r.Size; off++ {
				zeros, ones := make([]byte, n), bytes.Repeat([]byte{0xff}, n)
				for i := range 3 {
					clear(zeros)
					for j := range ones {
						ones[j] = 0xff
					}
					r.Handler.Read(off, zeros)
					r.Handler.Read(off, ones)
					if bytes.Equal(zeros, ones) {
						break
					}
					if i == 2 {
						t.Errorf("region %q: read of %d bytes at %#x: gave %x over zeros and %x over ones", r.Name, n, off, zeros, ones)
					}
				}
			}
		}
	}
}

func oddAccesses(_ *testing.T, d devices.Device, bus *devices.Bus) {
	for _, r := range d.Regions() {
		for n := 1; n <= 16; n++ {
			for start := int64(r.Base) - 8; start < int64(r.Base+r.Size)+8; start++ {
				p := bytes.Repeat([]byte{byte(n * 37)}, n)
				bus.Read(uint64(max(start, 0)), p)
				bus.Write(uint64(max(start, 0)), p)
			}
		}
	}
}

func regionsStay(t *testing.T, d devices.Device, bus *devices.Bus) {
	// Handlers are compared by their printed form: not every kind of handler
	// can be compared.
	list := func() string {
		var s string
		for _, r := range d.Regions() {
			s += fmt.Sprintf("%s %#x %#x %v %T\n", r.Name, r.Base, r.Size, r.Whole, r.Handler)
		}
		return s
	}
	before := list()
	oddAccesses(t, d, bus)
	if after := list(); after != before {
		t.Errorf("regions were\n%sand are\n%s", before, after)
	}
}

func pauseRepeats(t *testing.T, d devices.Device, bus *devices.Bus) {
	d.Resume()
	for range 3 {
		d.Pause()
		d.Pause()
		oddAccesses(t, d, bus)
		d.Resume()
		d.Resume()
	}
}

func manyAccess(t *testing.T, d devices.Device, bus *devices.Bus) {
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() { oddAccesses(t, d, bus) })
	}
	all.Go(func() {
		for range 50 {
			d.Pause()
			d.Resume()
		}
	})
	all.Wait()
}
