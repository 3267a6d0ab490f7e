package pci_test

import (
	"fmt"
	"testing"

	"github.com/hullvm/hull/devices"
	"github.com/hullvm/hull/devices/pci"
	"github.com/hullvm/hull/devices/pci/pcitest"
)

var testIdentity = pci.Identity{
	Vendor: 0x1af4, Device: 0x1041, SubsystemVendor: 0x1af5, Subsystem: 0x1100, Class: 0x020301, Revision: 7,
}

func newFunction(name string) *pci.Function { return pci.NewFunction(name, testIdentity) }

func addBAR(t testing.TB, f *pci.Function, b pci.BAR) {
	t.Helper()
	if err := f.AddBAR(b); err != nil {
		t.Fatal(err)
	}
}

// scratch is a handler that keeps what is written.
type scratch []byte

func (s scratch) Read(off uint64, p []byte)  { copy(p, s[off:]) }
func (s scratch) Write(off uint64, p []byte) { copy(s[off:], p) }

func region(name string, base, size uint64) devices.Region {
	return devices.Region{Name: name, Base: base, Size: size, Handler: make(scratch, size)}
}

func TestHeaderSaysWhatTheFunctionIs(t *testing.T) {
	f := newFunction("f")
	f.SetInterrupt(1, devices.Unconnected())
	m := pcitest.New(t, []*pci.Function{f})
	for _, test := range []struct {
		name       string
		off, width int
		want       uint64
	}{
		{"Vendor ID", 0, 2, 0x1af4},
		{"Device ID", 2, 2, 0x1041},
		{"both at once", 0, 4, 0x10411af4},
		{"Command", 4, 2, 0},
		{"Status", 6, 2, 0},
		{"Revision ID", 8, 1, 7},
		{"Class Code", 8, 4, 0x02030107},
		{"Header Type", 0x0e, 1, 0},
		{"across registers", 3, 4, 0x000010},
		{"Subsystem", 0x2c, 4, 0x11001af5},
		{"Expansion ROM", 0x30, 4, 0},
		{"Interrupt Pin", 0x3d, 1, 1},
		{"eight bytes", 8, 8, 0x02030107},
		{"extended space", 0x100, 4, 0},
		{"last bytes of it", 0xffc, 4, 0},
		{"into the next function", 0xffe, 4, 0xffff0000},
	} {
		if got := m.Slot(1).Read(test.off, test.width); got != test.want {
			t.Errorf("%s is %#x, want %#x", test.name, got, test.want)
		}
	}
}

func TestHostBridgeIsAtSlot0(t *testing.T) {
	m := pcitest.New(t, nil)
	if got := m.Slot(0).Read(8, 4) >> 8; got != 0x060000 {
		t.Errorf("its class is %#x", got)
	}
}

func TestNobodyReadsAsOnes(t *testing.T) {
	m := pcitest.New(t, nil)
	for name, s := range map[string]pcitest.Space{
		"an empty slot": m.Slot(31), "a missing function": m.Function(0, 7), "another bus": m.Slot(32),
	} {
		s.Write(4, 2, 0xffff)
		if got := s.Read(0, 8); got != ^uint64(0) {
			t.Errorf("%s reads %#x", name, got)
		}
	}
}

// The masks are those of section 7.5.1; everything that is not named is
// read-only.
func TestWritesChangeOnlyWhatMayBeWritten(t *testing.T) {
	want := map[int]uint64{
		0x04: 0x46, 0x05: 0x05, // Command: memory, bus master, parity, SERR, interrupt disable
		0x0c: 0xff,                         // Cache Line Size
		0x11: 0xf0, 0x12: 0xff, 0x13: 0xff, // BAR 0 of 4 KiB
		0x18: 0, 0x1a: 0xf0, 0x1b: 0xff, 0x1c: 0xff, 0x1d: 0xff, 0x1e: 0xff, 0x1f: 0xff, // BAR 2, wide, of 1 MiB
		0x3c: 0xff, // Interrupt Line
		0x43: 0x0f, // the capability's
	}
	f := newFunction("f")
	addBAR(t, f, pci.BAR{Index: 0, Size: 0x1000})
	addBAR(t, f, pci.BAR{Index: 2, Size: 1 << 20, Wide: true, Prefetchable: true})
	if _, err := f.AddCapability(pci.CapVendor, []byte{1, 0x50, 3}, []byte{0, 0x0f, 0}, pci.CapabilityHooks{}); err != nil {
		t.Fatal(err)
	}
	s := pcitest.New(t, []*pci.Function{f}).Slot(1)
	for off := range 0x1000 {
		before := s.Read(off, 1)
		s.Write(off, 1, 0)
		zeros := s.Read(off, 1)
		s.Write(off, 1, 0xff)
		ones := s.Read(off, 1)
		if got := zeros ^ ones; got != want[off] || zeros&^want[off] != before&^want[off] {
			t.Errorf("byte %#x: %#x became %#x and %#x: bits %#x can be written, want %#x", off, before, zeros, ones, got, want[off])
		}
		s.Write(off, 1, before)
	}
}

func TestBARsAreSizedByWritingOnes(t *testing.T) {
	f := newFunction("f")
	addBAR(t, f, pci.BAR{Index: 0, Size: 16})
	addBAR(t, f, pci.BAR{Index: 1, Size: 1 << 31, Prefetchable: true})
	addBAR(t, f, pci.BAR{Index: 2, Size: 1 << 33, Wide: true, Prefetchable: true})
	addBAR(t, f, pci.BAR{Index: 4, Size: 1 << 14, Wide: true})
	m := &devicesMachine{}
	root := pci.NewRootComplex(pci.Config{Memory: m.bus(), ECAMBase: pcitest.ECAM, Buses: 1})
	if err := root.Add(1, f); err != nil {
		t.Fatal(err)
	}
	if err := m.memory.Add(root.Regions()...); err != nil {
		t.Fatal(err)
	}
	var got []string
	for i := range 6 {
		at := uint64(pcitest.ECAM + 1<<15 + 0x10 + 4*i)
		pcitest.Write(m.memory, at, 4, 0xffffffff)
		got = append(got, fmt.Sprintf("%08x", pcitest.Read(m.memory, at, 4)))
	}
	want := []string{"fffffff0", "80000008", "0000000c", "fffffffe", "ffffc004", "ffffffff"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("BARs read %v, want %v", got, want)
	}
}

// devicesMachine is a memory bus without windows.
type devicesMachine struct{ memory *devices.Bus }

func (m *devicesMachine) bus() *devices.Bus {
	m.memory = devices.NewBus("memory", devices.MMIOLimit)
	return m.memory
}

func TestSecondFunctionMakesTheDeviceMultiFunction(t *testing.T) {
	first, second := newFunction("first"), newFunction("second")
	m := pcitest.New(t, []*pci.Function{first})
	if got := m.Slot(1).Read(0x0e, 1); got != 0 {
		t.Errorf("header type is %#x before", got)
	}
	if err := m.Root.AddFunction(1, 3, second); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 3} {
		if got := m.Function(1, n).Read(0x0e, 1); got != 0x80 {
			t.Errorf("header type of function %d is %#x", n, got)
		}
	}
}

func TestPortsReachConfigurationSpace(t *testing.T) {
	reset := region("reset", 0xcf9, 1)
	reset.Whole = true
	m := pcitest.New(t, []*pci.Function{newFunction("f")}, reset, region("other", 0x600, 4))
	const address, data = 0xcf8, 0xcfc
	read := func(port uint64, width int) uint64 { return pcitest.Read(m.Ports, port, width) }
	write := func(port uint64, width int, v uint64) { pcitest.Write(m.Ports, port, width, v) }

	if got := read(data, 4); got != 0xffffffff {
		t.Errorf("data reads %#x while disabled", got)
	}
	write(address, 4, 1<<31|1<<11|0x08)
	if got := read(address, 4); got != 1<<31|1<<11|0x08 {
		t.Errorf("address reads %#x", got)
	}
	for _, test := range []struct {
		port  uint64
		width int
		want  uint64
	}{{data, 4, 0x02030107}, {data, 2, 0x0107}, {data + 1, 1, 0x01}, {data + 2, 2, 0x0203}, {data + 3, 1, 0x02}, {data + 2, 4, 0xffff0203}} {
		if got := read(test.port, test.width); got != test.want {
			t.Errorf("read of %d at %#x gave %#x, want %#x", test.width, test.port, got, test.want)
		}
	}
	write(address, 4, 1<<31|1<<11|0x04)
	write(data, 2, 0xffff)
	if got := m.Slot(1).Read(4, 2); got != 0x0546 {
		t.Errorf("Command is %#x", got)
	}

	// The reserved bits read as 0, and another bus has nobody.
	write(address, 4, 0xffffffff)
	if got := read(address, 4); got != 0x80fffffc {
		t.Errorf("address reads %#x", got)
	}
	if got := read(data, 4); got != 0xffffffff {
		t.Errorf("bus 255 reads %#x", got)
	}

	// Narrow accesses are those of other devices.
	write(0xcf9, 1, 0x5a)
	write(address, 1, 0x11)
	write(address, 2, 0x1111)
	write(0xcf9, 2, 0x1111)
	write(0xcf6, 4, 0x11111111)
	write(0xcf9, 4, 0x11111111)
	if got := read(0xcf9, 1); got != 0x5a {
		t.Errorf("reset register is %#x", got)
	}
	if got := read(address, 1); got != 0xff {
		t.Errorf("a byte at 0xcf8 reads %#x", got)
	}
	if got := read(0xcf9, 2); got != 0xffff {
		t.Errorf("two bytes at 0xcf9 read %#x", got)
	}
	if got := read(address, 4); got != 0x80fffffc {
		t.Errorf("address reads %#x after narrow writes", got)
	}
	if got := read(0x600, 4); got != 0 {
		t.Errorf("the other device reads %#x", got)
	}
}
