package pci_test

import (
	"encoding/binary"
	"testing"

	"github.com/hullvm/hull/devices"
	"github.com/hullvm/hull/devices/devicestest"
	"github.com/hullvm/hull/devices/pci"
	"github.com/hullvm/hull/devices/pci/pcitest"
	"github.com/hullvm/hull/vmstate/vmstatetest"
)

// fuzzed is a function with one BAR of each kind and MSI-X in the first.
type fuzzed struct {
	f       *pci.Function
	line    devicestest.Line
	vectors pcitest.Vectors
	at      [2]uint64 // where Moved said that the BARs are; 0 for nowhere
	wants   bool      // the interrupt
}

const fuzzVectors = 3

func newFuzzed(t testing.TB, name string) *fuzzed {
	z := &fuzzed{f: newFunction(name)}
	moved := func(i int) func(uint64, bool) {
		return func(base uint64, mapped bool) {
			if mapped == (z.at[i] != 0) || !mapped && z.at[i] != base {
				t.Fatalf("%s: BAR at %#x moved to %#x, mapped %v", name, z.at[i], base, mapped)
			}
			z.at[i] = 0
			if mapped {
				z.at[i] = base
			}
		}
	}
	addBAR(t, z.f, pci.BAR{Index: 0, Size: 0x1000, Wide: true, Moved: moved(0), Regions: []devices.Region{region("r", 0x200, 0x100)}})
	addBAR(t, z.f, pci.BAR{Index: 3, Size: 0x100, Moved: moved(1), Regions: []devices.Region{region("r", 0, 0x100)}})
	z.f.SetInterrupt(1, &z.line)
	if err := z.f.AddExpress(); err != nil {
		t.Fatal(err)
	}
	if _, err := z.f.AddMSIX(pci.MSIXConfig{Vectors: fuzzVectors, TableOffset: 0, PBAOffset: 0x100, Maker: z.vectors.Make}); err != nil {
		t.Fatal(err)
	}
	return z
}

// FuzzPCI lets a guest do anything to two functions. After each step BARs, line
// and vectors must be where the registers, read as a guest reads them, put them;
// and at the end another machine must be able to go on from there.
func FuzzPCI(f *testing.F) {
	f.Add([]byte{0, 4, 1, 2, 0, 0, 0x10, 2, 0x00, 0x50, 1, 4, 1, 2, 0, 1, 0x10, 2, 0x00, 0x50})
	f.Add([]byte{0, 4, 1, 6, 0, 0, 0x7e, 1, 0, 0x80, 3, 12, 0, 0, 0, 3, 0, 2, 0x10, 0xe0, 6, 0, 0, 0, 0})
	f.Add([]byte{0, 0x10, 3, 0xff, 0xff, 0, 0x1c, 2, 0xff, 0xff, 0, 4, 0, 2, 0, 2, 0, 3, 9, 9, 5, 1, 0, 0, 0})
	f.Add([]byte{7, 8, 2, 4, 0x80, 8, 12, 1, 2, 0, 9, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, input []byte) {
		functions := []*fuzzed{newFuzzed(t, "a"), newFuzzed(t, "b")}
		m := pcitest.New(t, []*pci.Function{functions[0].f, functions[1].f})
		for step := 0; len(input) >= 5 && step < 2000; step++ {
			in := input[:5]
			input = input[5:]
			i := int(in[0] >> 7)
			z, s := functions[i], m.Slot(i+1)
			off, width := uint64(in[1]), 1<<(in[2]&3)
			var p [8]byte
			for j := range p {
				p[j] = in[3+j%2]
			}
			value := binary.LittleEndian.Uint64(p[:])
			switch in[0] % 10 {
			case 0, 1:
				s.Write(int(off), width, value)
			case 2:
				s.Read(int(off), width)
			case 3, 4: // in the first BAR
				pcitest.Write(m.Memory, s.BAR(0)+off, width, value)
			case 5:
				pcitest.Read(m.Memory, s.BAR(0)+off<<1, width)
			case 6:
				z.wants = in[1]&1 != 0
				z.f.Interrupt(z.wants)
			case 7:
				pcitest.Write(m.Ports, 0xcf8+off%8, width, value|uint64(in[2])<<24)
			case 8: // where the BARs of the other are
				s.SetBAR(0, m.Slot(2-i).BAR(0)+off<<12&0x3000)
				s.SetBAR(3, m.Slot(2-i).BAR(3)+off<<8&0x300)
			case 9:
				z.vectorRaise(int(off))
			}
			check(t, m, functions)
		}
		moved := newSaved(t)
		vmstatetest.RoundTrip(t, m.Root, moved.Root)
		for i, z := range functions {
			z.sameAs(t, moved.functions[i])
			moved.functions[i].wants = z.wants
		}
		check(t, moved.Machine, moved.functions)
	})
}

func (z *fuzzed) vectorRaise(i int) { z.vectors.At(i % fuzzVectors).Raise() }

func check(t testing.TB, m *pcitest.Machine, functions []*fuzzed) {
	t.Helper()
	var places []uint64
	for i, z := range functions {
		s := m.Slot(i + 1)
		command := s.Read(4, 2)
		for j, bar := range []struct {
			index int
			size  uint64
		}{{0, 0x1000}, {3, 0x100}} {
			base := s.BAR(bar.index)
			if at := z.at[j]; at != 0 && (command&pcitest.Memory == 0 || at != base) {
				t.Fatalf("BAR is at %#x, its register %#x, Command %#x", at, base, command)
			}
			if z.at[j] != 0 {
				for k := uint64(0); k < bar.size; k += 0x100 {
					places = append(places, base+k)
				}
			} else if command&pcitest.Memory != 0 && inside(base, bar.size) && !elsewhere(functions, base, bar.size) {
				t.Fatalf("BAR is nowhere though %#x is free", base)
			}
		}
		msix := s.Find(t, pci.CapMSIX)
		control := s.Read(msix+2, 2)
		status := z.wants && control&enable == 0
		if got := s.Read(6, 2)&(1<<3) != 0; got != status {
			t.Fatalf("Interrupt Status is %v, want %v", got, status)
		}
		if got, want := z.line.Level(), status && command&pcitest.InterruptDisable == 0; got != want {
			t.Fatalf("line is %v, want %v", got, want)
		}
		for v := range fuzzVectors {
			var e [16]byte
			z.f.ReadBAR(0, uint64(16*v), e[:])
			want := control&(enable|functionMask) != enable || e[12]&1 != 0
			message := pci.Message{Addr: binary.LittleEndian.Uint64(e[:]), Data: binary.LittleEndian.Uint32(e[8:])}
			if got, masked := z.vectors.At(v).State(); masked != want || !masked && got != message {
				t.Fatalf("vector %d has %v, masked %v; the table has %v, masked %v", v, got, masked, message, want)
			}
		}
	}
	seen := make(map[uint64]bool)
	for _, p := range places {
		if seen[p] {
			t.Fatalf("two BARs are at %#x", p)
		}
		seen[p] = true
	}
}

func inside(base, size uint64) bool {
	for _, w := range []pci.Window{pcitest.Window32, pcitest.Window64} {
		if base >= w.Base && base-w.Base <= w.Size-size {
			return true
		}
	}
	return false
}

// elsewhere reports whether a mapped BAR shares a byte with these addresses.
func elsewhere(functions []*fuzzed, base, size uint64) bool {
	for _, z := range functions {
		for j, n := range []uint64{0x1000, 0x100} {
			if at := z.at[j]; at != 0 && at < base+size && base < at+n {
				return true
			}
		}
	}
	return false
}
