package pcitest

import (
	"encoding/binary"
	"testing"

	"github.com/hullvm/hull/devices"
	"github.com/hullvm/hull/devices/pci"
)

// ECAM is where a machine has its configuration space.
const ECAM = 0xe000_0000

// Windows of a machine, for BARs.
var (
	Window32 = pci.Window{Base: 0xc000_0000, Size: 0x2000_0000}
	Window64 = pci.Window{Base: 1 << 40, Size: 1 << 40}
)

// Machine is two buses and a root complex on them.
type Machine struct {
	Root          *pci.RootComplex
	Memory, Ports *devices.Bus
}

// New makes a machine with functions in the slots from 1 on, their BARs placed.
// others are regions on the port bus beside the root complex's.
func New(t testing.TB, functions []*pci.Function, others ...devices.Region) *Machine {
	t.Helper()
	m := &Machine{
		Memory: devices.NewBus("memory", devices.MMIOLimit),
		Ports:  devices.NewBus("ports", devices.PortLimit),
	}
	m.Root = pci.NewRootComplex(pci.Config{Memory: m.Memory, ECAMBase: ECAM, Buses: 2})
	if err := m.Memory.Add(m.Root.Regions()...); err != nil {
		t.Fatal(err)
	}
	if err := m.Ports.Add(m.Root.PortRegions(others...)...); err != nil {
		t.Fatal(err)
	}
	for i, f := range functions {
		if err := m.Root.Add(i+1, f); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Root.PlaceBARs(Window32, Window64); err != nil {
		t.Fatal(err)
	}
	return m
}

// Slot is the configuration space of function 0 in a slot.
func (m *Machine) Slot(slot int) Space { return m.Function(slot, 0) }

// Function is the configuration space of a function.
func (m *Machine) Function(slot, number int) Space {
	return Space{m.Memory, ECAM + uint64(slot)<<15 + uint64(number)<<12}
}

// Read reads width bytes of memory, up to 8.
func Read(bus *devices.Bus, addr uint64, width int) uint64 {
	var p [8]byte
	bus.Read(addr, p[:width])
	return binary.LittleEndian.Uint64(p[:])
}

// Write writes width bytes of memory, up to 8.
func Write(bus *devices.Bus, addr uint64, width int, value uint64) {
	var p [8]byte
	binary.LittleEndian.PutUint64(p[:], value)
	bus.Write(addr, p[:width])
}

// Space is a function's configuration space.
type Space struct {
	bus  *devices.Bus
	base uint64
}

// Read reads width bytes at off.
func (s Space) Read(off, width int) uint64 { return Read(s.bus, s.base+uint64(off), width) }

// Write writes width bytes at off.
func (s Space) Write(off, width int, value uint64) {
	Write(s.bus, s.base+uint64(off), width, value)
}

// Command sets bits of the Command register and clears others.
func (s Space) Command(set, clear uint64) { s.Write(4, 2, s.Read(4, 2)&^clear|set) }

// Bits of the Command register.
const (
	Memory           = 1 << 1
	BusMaster        = 1 << 2
	InterruptDisable = 1 << 10
)

// BAR is the address in a BAR.
func (s Space) BAR(index int) uint64 {
	v := s.Read(0x10+4*index, 4)
	if v&6 == 4 {
		v |= s.Read(0x14+4*index, 4) << 32
	}
	return v &^ 15
}

// SetBAR writes the address in a BAR, the low half first.
func (s Space) SetBAR(index int, base uint64) {
	wide := s.Read(0x10+4*index, 4)&6 == 4
	s.Write(0x10+4*index, 4, base)
	if wide {
		s.Write(0x14+4*index, 4, base>>32)
	}
}

// Capability is one of a function's list.
type Capability struct {
	ID     byte
	Offset int
}

// Capabilities walks the list as a driver does, with a bound on its length.
func (s Space) Capabilities(t testing.TB) (list []Capability) {
	t.Helper()
	if s.Read(6, 2)&(1<<4) == 0 {
		return nil
	}
	for at := int(s.Read(0x34, 1)); at != 0; at = int(s.Read(at+1, 1)) {
		if at < 0x40 || at%4 != 0 || len(list) > 48 {
			t.Fatalf("capability %d is at %#x", len(list), at)
		}
		list = append(list, Capability{byte(s.Read(at, 1)), at})
	}
	return list
}

// Find is the offset of the first capability of an ID.
func (s Space) Find(t testing.TB, id byte) int {
	t.Helper()
	for _, c := range s.Capabilities(t) {
		if c.ID == id {
			return c.Offset
		}
	}
	t.Fatalf("no capability %#x", id)
	return 0
}
