package devicestest

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/hullvm/hull/devices"
)

// Driver reads and writes a device's registers by the names that its
// datasheet gives them, through the device's regions on a bus of its own.
type Driver struct {
	t         testing.TB
	bus       *devices.Bus
	registers map[string]place
}

type place struct {
	addr   uint64
	access devices.Access
	width  int
}

// Drive puts d on a bus and returns a driver of the registers that m declares
// from base on. A register declared under several names, as RBR/THR, answers
// to each of them.
func Drive(t testing.TB, d devices.Device, base uint64, m *devices.RegisterMap) *Driver {
	t.Helper()
	bus := devices.NewBus("test", devices.PortLimit)
	if err := bus.Add(d.Regions()...); err != nil {
		t.Fatal(err)
	}
	driver := &Driver{t: t, bus: bus, registers: make(map[string]place)}
	for _, r := range m.Registers() {
		for name := range strings.SplitSeq(r.Name, "/") {
			driver.registers[name] = place{base + r.Offset, r.Access, r.Width}
		}
	}
	return driver
}

// Bus is the bus the device is on.
func (d *Driver) Bus() *devices.Bus { return d.bus }

// Read reads the named register whole.
func (d *Driver) Read(name string) uint64 {
	d.t.Helper()
	r := d.find(name)
	if r.access&devices.ReadOnly == 0 {
		d.t.Fatalf("register %q cannot be read", name)
	}
	var p [8]byte
	d.bus.Read(r.addr, p[:r.width])
	return binary.LittleEndian.Uint64(p[:])
}

// Write writes the named register whole.
func (d *Driver) Write(name string, value uint64) {
	d.t.Helper()
	r := d.find(name)
	if r.access&devices.WriteOnly == 0 {
		d.t.Fatalf("register %q cannot be written", name)
	}
	var p [8]byte
	binary.LittleEndian.PutUint64(p[:], value)
	d.bus.Write(r.addr, p[:r.width])
}

// Expect reads the named register and fails the test where it is not want.
func (d *Driver) Expect(name string, want uint64) {
	d.t.Helper()
	if got := d.Read(name); got != want {
		d.t.Errorf("register %s is %#x, want %#x", name, got, want)
	}
}

func (d *Driver) find(name string) place {
	d.t.Helper()
	r, ok := d.registers[name]
	if !ok {
		d.t.Fatalf("no register %q", name)
	}
	return r
}
