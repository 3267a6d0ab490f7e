package vmm

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hullvm/hull/kvm"
	"github.com/hullvm/hull/vmstate"
)

// sampleTraits have something in each field.
func sampleTraits() *traits {
	t := &traits{
		machine: machineTraits{VCPUs: 2, TSCKHz: 2_000_000, XSave: 4096, PageSize: 4096, Slots: [][2]uint64{{0, 3 << 30}, {4 << 30, 1 << 30}}},
		sections: []sectionTraits{
			{Name: "vcpu/0", Version: 1}, {Name: "vm", Version: 2}, {Name: "pci/00:01.0/virtio", Version: 3}, {Name: "hint", Version: 1, Optional: true},
		},
		devices: []deviceTraits{{Name: `disk "root"`, Type: 2, Offered: 0b1011, Queues: []uint16{256, 256}}},
	}
	for id := range uint32(2) {
		t.cpuid.add([]kvm.CPUIDEntry{
			{Function: 0, EAX: 7, EBX: 1, ECX: 2, EDX: 3},
			{Function: 1, EBX: id << 24, ECX: 0b110},
			{Function: 7, Flags: kvm.CPUIDSignificantIndex, EBX: 0xff},
			{Function: 0x80000008, EAX: 46},
		})
	}
	return t
}

func describedBy(t testing.TB, traits *traits) []byte {
	t.Helper()
	s := vmstate.New()
	if err := traits.put(s); err != nil {
		t.Fatal(err)
	}
	return encoded(t, s)
}

func encoded(t testing.TB, s *vmstate.State) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := s.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestTraitsThatDoNotFit(t *testing.T) {
	for want, change := range map[string]func(there, here *traits){
		"": func(*traits, *traits) {},
		" and more is no mistake": func(there, here *traits) {
			here.machine.XSave, here.devices[0].Offered = 8192, 0b1111
			here.sections[1].Version = 3
			there.machine.TSCKHz += 400 // within what clocks correct
			there.sections = append(there.sections, sectionTraits{Name: "new", Version: 9, Optional: true})
			here.cpuid.First[2][4] = 0xfff
		},
		"memory: it has 3 GiB at 0x0, 1 GiB at 0x100000000 in pages of 4096, and here it is 3 GiB at 0x0": func(_, here *traits) { here.machine.Slots = here.machine.Slots[:1] },
		"in pages of 65536, and here": func(there, _ *traits) { there.machine.PageSize = 65536 },
		"and 2 more in pages":         func(there, _ *traits) { there.machine.Slots = make([][2]uint64, 10) },
		"counted at 3000000 kHz":      func(there, _ *traits) { there.machine.TSCKHz = 3_000_000 },
		"state of 8192 bytes":         func(there, _ *traits) { there.machine.XSave = 8192 },
		"vCPUs: it has 3":             func(there, _ *traits) { there.machine.VCPUs = 3 },
		"vCPUs: it has 2, with CPUID for 1, and here there are 2": func(there, _ *traits) { there.cpuid.Others = nil },
		"features that this host's lack (CPUID 0x1.0 ECX bit 0)":  func(there, _ *traits) { there.cpuid.First[1][5] |= 1; there.cpuid.Others[0][0][5] |= 1 },
		"lack (CPUID 0x1.0 ECX bit 3)":                            func(there, _ *traits) { there.cpuid.Others[0][0][5] |= 8 }, // of the second alone
		`state "vm": its version is 4, and this version of Hull knows 1 to 2`: func(there, _ *traits) {
			there.sections[1].Version = 4
		},
		`state "vm": its version is 0`: func(there, _ *traits) { there.sections[1].Version = 0 },
		`state "new": this version of Hull, or this machine, does not know it`: func(there, _ *traits) {
			there.sections = append(there.sections, sectionTraits{Name: "new", Version: 1})
		},
		`state "vm": it is missing`:                            func(there, _ *traits) { there.sections = slices.Delete(there.sections, 1, 2) },
		"PCI bus: it has 2 devices, and here there are 1":      func(there, _ *traits) { there.devices = append(there.devices, deviceTraits{}) },
		`"net \"x\"" is of type 1, and "disk \"root\"" here`:   func(there, _ *traits) { there.devices[0].Type, there.devices[0].Name = 1, `net "x"` },
		`disk "root": it has other queues`:                     func(there, _ *traits) { there.devices[0].Queues[1] = 128 },
		`disk "root": it has features 0x1b, of which 0x10 are`: func(there, _ *traits) { there.devices[0].Offered |= 0x10 },
	} {
		there, here := sampleTraits(), sampleTraits()
		change(there, here)
		got := judge(describedBy(t, there), here, false)
		if strings.TrimPrefix(want, " and more is no mistake") == "" {
			if len(got) > 0 {
				t.Errorf("%q: %q", want, got)
			}
		} else if len(got) != 1 || !strings.Contains(got[0], want) {
			t.Errorf("%q, want one that has %q", got, want)
		}
	}
	there := sampleTraits()
	there.machine.TSCKHz = 1
	if got := judge(describedBy(t, there), sampleTraits(), true); len(got) > 0 {
		t.Errorf("a counter that KVM scales: %q", got)
	}
}

func TestDescriptionsThatAreRefused(t *testing.T) {
	good := describedBy(t, sampleTraits())
	newer := vmstate.New()
	if err := newer.Out(machineSection).Put(traitsVersion+1, 1); err != nil {
		t.Fatal(err)
	}
	many := sampleTraits()
	many.cpuid.Others[0] = make([][7]uint32, maxLeaves+1)
	for want, d := range map[string][]byte{
		"it has 524289 bytes":            nil,
		"header: it is cut off":          {},
		"is cut off after":               good[:len(good)-1],
		"is wrong":                       append(append([]byte{}, good[:len(good)-1]...), good[len(good)-1]^1),
		"its version is 2, and this":     encoded(t, newer),
		"more than 256 answers of CPUID": describedBy(t, many),
		`state "machine": it is missing`: encoded(t, vmstate.New()),
		`state "vcpu/0": this version of H`: func() []byte {
			s := sampleState(t)
			if err := sampleTraits().put(s); err != nil {
				t.Fatal(err)
			}
			return encoded(t, s)
		}(),
	} {
		if d == nil {
			d, want = make([]byte, MaxDescription+1), "its description has 524289 bytes"
		}
		if got := judge(d, sampleTraits(), true); len(got) != 1 || !strings.Contains(got[0], want) {
			t.Errorf("%q, want one that has %q", got, want)
		}
	}
	there := sampleTraits()
	for range 100 {
		there.sections = append(there.sections, sectionTraits{Name: strings.Repeat("x", 1000), Version: 1})
	}
	got := judge(describedBy(t, there), sampleTraits(), true)
	if len(got) != maxReasons+1 || len(got[0]) > 200 {
		t.Errorf("%d reasons, the first of %d bytes", len(got), len(got[0]))
	}
}

// What a vCPU's CPUID says is the same after it was told by what differs.
func TestCPUIDOfAllVCPUs(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 200 {
		var c cpuidTraits
		var tables [][]kvm.CPUIDEntry
		for range 1 + r.IntN(5) {
			var table []kvm.CPUIDEntry
			for f := range uint32(5) { // the same answers on each, of other values
				table = append(table, kvm.CPUIDEntry{Function: f / 2, Index: f % 2, Flags: kvm.CPUIDSignificantIndex, EAX: uint32(r.IntN(2))})
			}
			tables = append(tables, table)
			c.add(table)
		}
		for i, want := range tables {
			got := c.vcpu(i)
			slices.SortFunc(got, func(a, b kvm.CPUIDEntry) int { return int(2*a.Function+a.Index) - int(2*b.Function+b.Index) })
			if !slices.Equal(got, want) {
				t.Fatalf("vCPU %d: %+v, want %+v", i, got, want)
			}
		}
	}
}

// FuzzJudge judges what another host says of its machine.
func FuzzJudge(f *testing.F) {
	s := vmstate.New()
	if err := sampleTraits().put(s); err != nil {
		f.Fatal(err)
	}
	f.Add(s.Values())
	f.Add(vmstate.New().Values())
	here := sampleTraits()
	f.Fuzz(func(t *testing.T, values []byte) {
		var b bytes.Buffer
		if err := vmstate.FromValues(values).Write(&b); err != nil {
			return
		}
		reasons := judge(b.Bytes(), here, true)
		if len(reasons) > maxReasons+1 {
			t.Errorf("%d reasons", len(reasons))
		}
		if !cmp.Equal(here, sampleTraits(), cmp.AllowUnexported(traits{})) {
			t.Fatal("judging changes what is here")
		}
	})
}
