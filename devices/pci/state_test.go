package pci_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/hullvm/hull/devices"
	"github.com/hullvm/hull/devices/pci"
	"github.com/hullvm/hull/devices/pci/pcitest"
	"github.com/hullvm/hull/vmstate"
	"github.com/hullvm/hull/vmstate/vmstatetest"
)

// saved is a machine with two functions of the fuzzer's.
type saved struct {
	*pcitest.Machine
	functions []*fuzzed
	masters   int // times that Bus Master Enable of the first was said to change
}

func newSaved(t testing.TB) *saved {
	t.Helper()
	s := &saved{functions: []*fuzzed{newFuzzed(t, "a"), newFuzzed(t, "b")}}
	s.functions[0].f.OnBusMaster(func() { s.masters++ })
	s.Machine = pcitest.New(t, []*pci.Function{s.functions[0].f, s.functions[1].f})
	return s
}

// used is a machine whose guest has changed all that there is: BARs are at other
// places, one in that of another; MSI-X is on in a, with a vector that was raised
// while masked; INTx is wanted in b.
func used(t testing.TB) *saved {
	t.Helper()
	m := newSaved(t)
	a, b := m.Slot(1), m.Slot(2)
	a.SetBAR(0, 1<<40+0x70000)
	a.SetBAR(3, 0xc0008000)
	b.SetBAR(0, 1<<40+0x70000) // refused: a is there
	b.Command(pcitest.Memory, 0)
	a.Write(0x3c, 1, 11)
	b.SetBAR(0, 1<<40+0x90000)
	a.SetBAR(0, 1<<40+0x90000)
	a.Command(pcitest.Memory|pcitest.BusMaster, 0) // now b is
	b.SetBAR(3, 0xc0009000)
	a.SetBAR(0, 1<<40+0x80000)
	msix := a.Find(t, pci.CapMSIX)
	for i := range uint64(fuzzVectors) {
		at := a.BAR(0) + 16*i
		pcitest.Write(m.Memory, at, 8, 0xfee01000)
		pcitest.Write(m.Memory, at+8, 8, 0x40+i|i%2<<32) // the second is masked
	}
	a.Write(msix+2, 2, enable)
	m.functions[0].vectors.At(0).Raise()
	m.functions[0].vectors.At(1).Raise()
	a.SetBAR(0, 1<<40+0x90000) // refused again
	m.functions[1].f.Interrupt(true)
	m.functions[1].wants = true
	pcitest.Write(m.Ports, 0xcf8, 4, 1<<31|0x1010)
	check(t, m.Machine, m.functions)
	return m
}

// sameAs compares what a guest cannot read.
func (z *fuzzed) sameAs(t testing.TB, other *fuzzed) {
	t.Helper()
	if z.at != other.at {
		t.Errorf("BARs are at %x, and were at %x", other.at, z.at)
	}
	for i := range fuzzVectors {
		v, o := z.vectors.At(i), other.vectors.At(i)
		if v.Pending() != o.Pending() {
			t.Errorf("vector %d: pending %v, and was %v", i, o.Pending(), v.Pending())
		}
		if sent := o.Sent(); len(sent) > 0 {
			t.Errorf("vector %d sent %v for having been loaded", i, sent)
		}
	}
	if n := other.line.Rises(); n > 0 {
		t.Errorf("the line rose %d times for having been loaded", n)
	}
}

func TestAMachineGoesOnElsewhere(t *testing.T) {
	m, moved := used(t), newSaved(t)
	vmstatetest.RoundTrip(t, m.Root, moved.Root)
	for i, z := range m.functions {
		z.sameAs(t, moved.functions[i])
		moved.functions[i].wants = z.wants
	}
	check(t, moved.Machine, moved.functions)
	if moved.masters != 1 || !moved.functions[0].f.BusMaster() {
		t.Errorf("told %d times of Bus Master Enable, which is %v", moved.masters, moved.functions[0].f.BusMaster())
	}
	if got := pcitest.Read(moved.Ports, 0xcfc, 4); got != m.Slot(2).Read(0x10, 4) {
		t.Errorf("CONFIG_DATA is %#x", got)
	}
	b := moved.functions[1]
	if !b.line.Level() || b.line.Restored() == 0 {
		t.Error("the line is not what it was")
	}
	b.f.Interrupt(false)
	if b.line.Level() {
		t.Error("the line stays high")
	}

	// What had no place gets it, and what was kept is sent.
	moved.Slot(2).Command(0, pcitest.Memory)
	a := moved.functions[0]
	if a.at[0] != 1<<40+0x90000 {
		t.Fatalf("BAR is at %#x", a.at[0])
	}
	pcitest.Write(moved.Memory, a.at[0]+16+12, 4, 0)
	if sent := a.vectors.At(1).Sent(); len(sent) != 1 || sent[0] != (pci.Message{Addr: 0xfee01000, Data: 0x41}) {
		t.Errorf("sent %v", sent)
	}
}

func TestTheStateOfTheFirstVersion(t *testing.T) {
	vmstatetest.Golden(t, "v1-root", false, used(t).Root, newSaved(t).Root)
}

// different is a machine with one function, made as the test says.
func different(t testing.TB, id pci.Identity, size uint64, vectors int) *pci.RootComplex {
	t.Helper()
	f := pci.NewFunction("disk", id)
	addBAR(t, f, pci.BAR{Index: 0, Size: size, Regions: []devices.Region{region("r", size-0x10, 0x10)}})
	if vectors > 0 {
		if _, err := f.AddMSIX(pci.MSIXConfig{Vectors: vectors, TableOffset: 0, PBAOffset: 0x800, Maker: new(pcitest.Vectors).Make}); err != nil {
			t.Fatal(err)
		}
	}
	return pcitest.New(t, []*pci.Function{f}).Root
}

func TestOtherMachinesAreRefused(t *testing.T) {
	other := testIdentity
	other.Device++
	state := vmstatetest.Bytes(t, different(t, testIdentity, 0x1000, 2))
	empty := vmstatetest.Bytes(t, pcitest.New(t, nil).Root)
	for want, err := range map[string]error{
		`"disk": load: state "test/00:01.0": identity at 0x2 was 0x41, and is 0x42 here`: vmstatetest.Load(different(t, other, 0x1000, 2), state),
		`"disk": load: state "test/00:01.0": kind or size of a BAR at 0x11`:              vmstatetest.Load(different(t, testIdentity, 0x2000, 2), state),
		`"disk": load: state "test/00:01.0": capability at 0x42 was 0x01`:                vmstatetest.Load(different(t, testIdentity, 0x1000, 3), state),
		`"disk": load: state "test/00:01.0": command and status at 0x6 was 0x10`:         vmstatetest.Load(different(t, testIdentity, 0x1000, 0), state),
		`"disk": load: state "test/00:01.0": it is missing`:                              vmstatetest.Load(different(t, testIdentity, 0x1000, 0), empty),
		`"test/00:01.0": this version of Hull, or this machine, does not know it`:        vmstatetest.Load(pcitest.New(t, nil).Root, state),
	} {
		if err == nil || !strings.Contains(err.Error(), want) || !errors.Is(err, vmstate.ErrBadState) {
			t.Errorf("error %v, want ErrBadState that has %q", err, want)
		}
	}
}

// functionState is what the state has of a function, as others may write it.
type functionState struct {
	Value    []byte `cbor:"1,keyasint"`
	Writable []byte `cbor:"2,keyasint"`
	Asserted bool   `cbor:"3,keyasint"`
	Nowhere  uint8  `cbor:"4,keyasint"`
}

type msixState struct {
	Table   []byte `cbor:"1,keyasint"`
	Pending []byte `cbor:"2,keyasint"`
}

// damaged is a state like good, with the first function's as damage leaves it.
func damaged(t *testing.T, good *vmstate.State, damage func(*functionState, *msixState)) *vmstate.State {
	t.Helper()
	const at = "test/00:01.0"
	values := map[string]any{at: new(functionState), at + "/msix": new(msixState)}
	for _, name := range good.Names() {
		v, ok := values[name]
		if !ok {
			v = new(any)
			values[name] = v
		}
		if _, err := good.In(name).Get(1, v); err != nil {
			t.Fatal(err)
		}
	}
	damage(values[at].(*functionState), values[at+"/msix"].(*msixState))
	s := vmstate.New()
	for name, v := range values {
		if err := s.Out(name).Put(1, v); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func TestStatesThatCannotBe(t *testing.T) {
	good := vmstate.New()
	if err := used(t).Root.Save(good.Out("test")); err != nil {
		t.Fatal(err)
	}
	for want, damage := range map[string]func(*functionState, *msixState){
		"configuration space of 255":          func(f *functionState, _ *msixState) { f.Value = f.Value[1:] },
		"it cannot be there":                  func(f *functionState, _ *msixState) { f.Value[0x1f] = 0x40 },
		"at once":                             func(f *functionState, _ *msixState) { f.Nowhere = 0 },
		"BAR 0 has no place, and wants none":  func(f *functionState, _ *msixState) { f.Value[4] = 0 },
		"there are 0b1001":                    func(f *functionState, _ *msixState) { f.Nowhere |= 2 },
		"command and status at 0x7":           func(f *functionState, _ *msixState) { f.Value[7] = 0x80 },
		"the guest could change bits 0xff":    func(f *functionState, _ *msixState) { f.Writable[0] = 0xff },
		"tables of 47 and 8 bytes":            func(_ *functionState, m *msixState) { m.Table = m.Table[1:] },
		"tables of 48 and 16 bytes":           func(_ *functionState, m *msixState) { m.Pending = make([]byte, 16) },
		"entry 1: vector control is 03000000": func(_ *functionState, m *msixState) { m.Table[16+12] = 3 },
		"entry 2: vector control is 00000001": func(_ *functionState, m *msixState) { m.Table[32+15] = 1 },
		"vector 63 is pending: there are 3":   func(_ *functionState, m *msixState) { m.Pending[7] = 0x80 },
		"":                                    func(*functionState, *msixState) {},
	} {
		s := damaged(t, good, damage)
		m := newSaved(t)
		before := vmstatetest.Bytes(t, m.Root)
		err := m.Root.Load(s.In("test"))
		if want == "" {
			if err != nil {
				t.Error(err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), want) || !errors.Is(err, vmstate.ErrBadState) {
			t.Errorf("error %v, want ErrBadState that has %q", err, want)
		}
		if !bytes.Equal(before, vmstatetest.Bytes(t, m.Root)) {
			t.Errorf("%q: refused, and yet taken in part", want)
		}
	}
}

// FuzzLoad loads hostile states. After one that is taken all must be as
// consistent as after what a guest does.
func FuzzLoad(f *testing.F) {
	for _, m := range []*saved{newSaved(f), used(f)} {
		s := vmstate.New()
		if err := m.Root.Save(s.Out("test")); err != nil {
			f.Fatal(err)
		}
		f.Add(s.Values())
	}
	f.Fuzz(func(t *testing.T, values []byte) {
		m := newSaved(t)
		before := vmstatetest.Bytes(t, m.Root)
		if m.Root.Load(vmstate.FromValues(values).In("test")) != nil {
			if !bytes.Equal(before, vmstatetest.Bytes(t, m.Root)) {
				t.Error("refused, and yet taken in part")
			}
			return
		}
		for i, z := range m.functions {
			z.wants = m.Slot(i+1).Read(6, 2)&(1<<3) != 0
		}
		check(t, m.Machine, m.functions)
		vmstatetest.RoundTrip(t, m.Root, newSaved(t).Root)
	})
}
