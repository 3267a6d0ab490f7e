package cpuid

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/hullvm/hull/kvm"
)

// host is what a processor with everything might support.
func host() []kvm.CPUIDEntry {
	all := ^uint32(0)
	indexed := uint32(kvm.CPUIDSignificantIndex)
	return []kvm.CPUIDEntry{
		{Function: leafVendor, EAX: 0x1f},
		{Function: leafFeatures, EAX: 0x800f12, EBX: 0x05100800, ECX: all, EDX: all},
		{Function: leafCaches, Index: 0, Flags: indexed, EAX: 0xfc000121},
		{Function: leafCaches, Index: 3, Flags: indexed, EAX: 0xfc000163},
		{Function: leafCaches, Index: 4, Flags: indexed},
		{Function: leafMWAIT, EAX: 64, EBX: 64},
		{Function: leafPower, EAX: all, EBX: all, ECX: all},
		{Function: leafExtended, Flags: indexed, EAX: 2, EBX: all, ECX: all, EDX: all},
		{Function: leafPMU, EAX: 0x07300404},
		{Function: leafTopology, Index: 0, Flags: indexed, EAX: 9, EBX: 9, EDX: 99},
		{Function: leafXSave, Index: 0, Flags: indexed, EAX: 0xe7, EBX: 2688, ECX: 2688},
		{Function: leafXSave, Index: 1, Flags: indexed, EAX: 0xf},
		{Function: leafXSave, Index: 2, Flags: indexed, EAX: 256, EBX: 576},
		{Function: leafXSave, Index: 5, Flags: indexed, EAX: 64, EBX: 1088},
		{Function: leafTSC, EAX: 2, EBX: 0, ECX: 0},
		{Function: leafFrequency, EAX: 3000},
		{Function: leafHypervisor, EAX: 0x40000001, EBX: 0x4b4d564b, ECX: 0x564b4d56, EDX: 0x4d},
		{Function: leafHypervisor + 1, EAX: 0x01007efb},
		{Function: leafExtVendor, EAX: leafAMDTopology},
		{Function: leafExtFeatures, ECX: all, EDX: all},
		{Function: leafAddressSizes, EAX: 0x3030, ECX: 0x7007},
		{Function: leafSVM, EAX: 1},
		{Function: leafAMDCaches, Index: 3, Flags: indexed, EAX: 0x163},
		{Function: leafAMDTopology, EAX: 77, EBX: 77, ECX: 77},
	}
}

func build(t *testing.T, o Options) *Table {
	t.Helper()
	table, err := Build(host(), o)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// leaf finds what a vCPU sees; an absent leaf is all zero.
func leaf(entries []kvm.CPUIDEntry, function, index uint32) kvm.CPUIDEntry {
	for _, e := range entries {
		if e.Function == function && (e.Flags&kvm.CPUIDSignificantIndex == 0 || e.Index == index) {
			return e
		}
	}
	return kvm.CPUIDEntry{}
}

func TestAPICIDsHaveAFieldForEachLevel(t *testing.T) {
	for _, test := range []struct {
		topology Topology
		want     []uint32
	}{
		{Topology{VCPUs: 1}, []uint32{0}},
		{Topology{VCPUs: 4}, []uint32{0, 1, 2, 3}},
		{Topology{VCPUs: 4, ThreadsPerCore: 2}, []uint32{0, 1, 2, 3}},
		{Topology{VCPUs: 6, ThreadsPerCore: 1, CoresPerSocket: 3}, []uint32{0, 1, 2, 4, 5, 6}},
		{Topology{VCPUs: 6, ThreadsPerCore: 3, CoresPerSocket: 2}, []uint32{0, 1, 2, 4, 5, 6}},
	} {
		seen := make(map[uint32]bool)
		for i, want := range test.want {
			got := test.topology.APICID(i)
			if got != want || seen[got] {
				t.Errorf("%+v: vCPU %d has id %d, want %d", test.topology, i, got, want)
			}
			seen[got] = true
		}
	}
}

func TestTopologyIsToldConsistently(t *testing.T) {
	table := build(t, Options{Topology: Topology{VCPUs: 8, ThreadsPerCore: 2, CoresPerSocket: 2}})
	for i := range 8 {
		id := table.APICID(i)
		e := table.For(i)
		if got := leaf(e, leafFeatures, 0).EBX >> 24; got != id {
			t.Errorf("vCPU %d: leaf 1 says id %d, want %d", i, got, id)
		}
		if got := leaf(e, leafFeatures, 0).EBX >> 16 & 0xff; got != 4 {
			t.Errorf("vCPU %d: leaf 1 says %d logical processors, want 4", i, got)
		}
		for _, function := range []uint32{leafTopology, leafTopologyV2} {
			smt, core, end := leaf(e, function, 0), leaf(e, function, 1), leaf(e, function, 2)
			if smt.EAX != 1 || smt.EBX != 2 || smt.ECX>>8 != 1 || core.EAX != 2 || core.EBX != 4 || core.ECX>>8 != 2 || end.ECX>>8 != 0 {
				t.Errorf("vCPU %d: leaf %#x says %+v, %+v, %+v", i, function, smt, core, end)
			}
			if smt.EDX != id || core.EDX != id {
				t.Errorf("vCPU %d: leaf %#x says ids %d and %d, want %d", i, function, smt.EDX, core.EDX, id)
			}
		}
		if got := leaf(e, leafAMDTopology, 0); got.EAX != id || got.EBX>>8&0xff != 1 || got.EBX&0xff != uint32(i/2%2) || got.ECX != uint32(i/4) {
			t.Errorf("vCPU %d: leaf 0x8000001e says %+v", i, got)
		}
		if got := leaf(e, leafAddressSizes, 0).ECX; got != 2<<12|3 {
			t.Errorf("vCPU %d: leaf 0x80000008 says ECX %#x", i, got)
		}
		if l1, l3 := leaf(e, leafCaches, 0).EAX>>14&0xfff, leaf(e, leafCaches, 3).EAX>>14&0xfff; l1 != 1 || l3 != 3 {
			t.Errorf("vCPU %d: caches shared by %d and %d more, want 1 and 3", i, l1, l3)
		}
	}
}

func TestASingleVCPUIsNoSMPPart(t *testing.T) {
	e := build(t, Options{Topology: Topology{VCPUs: 1}}).For(0)
	if f := leaf(e, leafFeatures, 0); f.EDX&edx1HTT != 0 || f.EBX>>16&0xff != 0 {
		t.Errorf("leaf 1: EBX %#x, EDX %#x", f.EBX, f.EDX)
	}
}

func TestWhatIsNotVirtualisedIsHidden(t *testing.T) {
	e := build(t, Options{Topology: Topology{VCPUs: 2}}).For(0)
	for _, absent := range []uint32{leafMWAIT, leafPMU, leafTSC, leafFrequency, leafSVM} {
		if got := leaf(e, absent, 0); got != (kvm.CPUIDEntry{}) {
			t.Errorf("leaf %#x: %+v", absent, got)
		}
	}
	f := leaf(e, leafFeatures, 0)
	if hidden := f.ECX & (ecx1Monitor | ecx1VMX | ecx1TSCDeadline); hidden != 0 {
		t.Errorf("leaf 1 shows %#x", hidden)
	}
	if f.ECX&ecx1Hypervisor == 0 {
		t.Error("leaf 1 hides the hypervisor")
	}
	if ext := leaf(e, leafExtFeatures, 0); ext.ECX&ecxSVM != 0 {
		t.Error("nested virtualisation is shown")
	}
	if p := leaf(e, leafPower, 0); p.EAX != eax6ARAT || p.ECX != 0 {
		t.Errorf("leaf 6: %+v", p)
	}
	if h := leaf(e, leafHypervisor+1, 0); h.EAX != 0x01007efb {
		t.Errorf("KVM's features are %#x", h.EAX)
	}
	if d := leaf(build(t, Options{Topology: Topology{VCPUs: 1}, TSCDeadline: true}).For(0), leafFeatures, 0); d.ECX&ecx1TSCDeadline == 0 {
		t.Error("the TSC-deadline timer is hidden where KVM has it")
	}
}

func TestModelsReduceToTheirLevel(t *testing.T) {
	v2 := build(t, Options{Model: V2, Topology: Topology{VCPUs: 1}}).For(0)
	if f := leaf(v2, leafFeatures, 0).ECX; f&(1<<28) != 0 || f&(1<<26) != 0 || f&(1<<20) == 0 {
		t.Errorf("x86-64-v2: leaf 1 ECX %#x", f)
	}
	if got := leaf(v2, leafXSave, 0); got != (kvm.CPUIDEntry{}) {
		t.Errorf("x86-64-v2: leaf 0xd %+v", got)
	}
	v3 := build(t, Options{Model: V3, Topology: Topology{VCPUs: 1}}).For(0)
	if f := leaf(v3, leafExtended, 0).EBX; f&(1<<5) == 0 || f&(1<<16) != 0 {
		t.Errorf("x86-64-v3: leaf 7 EBX %#x, want AVX2 and no AVX-512", f)
	}
	if got := leaf(v3, leafXSave, 0); got.EAX != 7 || got.ECX != 832 {
		t.Errorf("x86-64-v3: leaf 0xd %+v", got)
	}
	if got := leaf(v3, leafXSave, 5); got.EAX != 0 && got.Index == 5 {
		t.Errorf("x86-64-v3: leaf 0xd, 5 %+v", got)
	}
}

func TestBuildRefuses(t *testing.T) {
	small := []kvm.CPUIDEntry{{Function: leafVendor, EAX: 1}, {Function: leafFeatures, ECX: 1<<13 | 1<<23}}
	for name, test := range map[string]struct {
		o    Options
		want string
	}{
		"no vCPUs":         {Options{}, "0 vCPUs"},
		"too many":         {Options{Topology: Topology{VCPUs: 1000}}, "local APIC ids end at 254"},
		"too wide":         {Options{Topology: Topology{VCPUs: 200, ThreadsPerCore: 3, CoresPerSocket: 3}}, "the greatest there can be"},
		"unknown model":    {Options{Model: "i386", Topology: Topology{VCPUs: 1}}, `CPU model "i386"`},
		"a lacking host":   {Options{Model: V2, Topology: Topology{VCPUs: 1}}, "this host lacks lahf_lm, sse3, sse4_1, sse4_2, ssse3"},
		"a lacking host 3": {Options{Model: V3, Topology: Topology{VCPUs: 1}}, "this host lacks avx, avx2"},
	} {
		if _, err := Build(small, test.o); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
}

func TestPlainHasATopologyOnly(t *testing.T) {
	p := Plain(Topology{VCPUs: 3})
	if p.VCPUs() != 3 || p.APICID(2) != 2 || p.GiantPages() {
		t.Errorf("%+v", p)
	}
}

// Whatever a host says it supports, tables are made or refused, ids differ, and
// nested virtualisation stays hidden.
func FuzzBuild(f *testing.F) {
	f.Add([]byte{}, uint8(1), uint8(1), uint8(1))
	f.Add([]byte{1, 0, 0, 0, 0, 0, 0, 0, 1, 255, 255, 255, 255}, uint8(8), uint8(2), uint8(3))
	f.Fuzz(func(t *testing.T, data []byte, vcpus, threads, cores uint8) {
		var entries []kvm.CPUIDEntry
		for ; len(data) >= 13 && len(entries) < 200; data = data[13:] {
			le := binary.LittleEndian
			v := le.Uint32(data[9:])
			entries = append(entries, kvm.CPUIDEntry{
				Function: le.Uint32(data), Index: le.Uint32(data[4:]), Flags: uint32(data[8]),
				EAX: v, EBX: v, ECX: v, EDX: v,
			})
		}
		for _, m := range []Model{Host, V2, V3} {
			table, err := Build(entries, Options{Model: m, Topology: Topology{VCPUs: int(vcpus), ThreadsPerCore: int(threads), CoresPerSocket: int(cores)}})
			if err != nil {
				continue
			}
			seen := make(map[uint32]bool)
			for i := range table.VCPUs() {
				id := table.APICID(i)
				if seen[id] || id > MaxAPICID {
					t.Fatalf("vCPU %d has id %d", i, id)
				}
				seen[id] = true
			}
			if e := leaf(table.For(0), leafFeatures, 0); e.ECX&ecx1VMX != 0 {
				t.Fatal("nested virtualisation is shown")
			}
		}
	})
}
