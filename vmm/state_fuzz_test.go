package vmm

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hullvm/hull/kvm"
	"github.com/hullvm/hull/vmstate"
)

// sampleVCPU and sampleVM are states with something in each field.
func sampleVCPU() *vcpuSaved {
	regs := kvm.Regs{RAX: 1, RIP: 0xffffffff81000000, RFLAGS: 0x202}
	sregs := kvm.SRegs2{CR0: 0x80050033, CR3: 0x1000, EFER: 0xd01, APICBase: 0xfee00900, Flags: 1, PDPTRs: [4]uint64{1, 2, 3, 4}}
	var events kvm.VCPUEvents
	events.Exception.Pending, events.Exception.Nr, events.ExceptionHasPayload, events.ExceptionPayload = 1, 14, 1, 0xdeadb000
	debug := kvm.DebugRegs{DB: [4]uint64{0x1000}, DR6: 0xffff0ff0, DR7: 0x401}
	xcrs := kvm.XCRS{Count: 1, XCRs: [16]kvm.XCR{{Value: 7}}}
	lapic := new(kvm.LAPIC)
	lapic.Regs[0x322] = 0b100
	return &vcpuSaved{
		MPState: kvm.MPHalted, Events: kvm.Bytes(&events), Regs: kvm.Bytes(&regs), SRegs2: kvm.Bytes(&sregs),
		DebugRegs: kvm.Bytes(&debug), XSave: []uint32{1023: 1}, XCRS: kvm.Bytes(&xcrs), LAPIC: kvm.Bytes(lapic),
		MSRs: [][2]uint64{{0x174, 16}, {0xc0000080, 0xd01}}, Deadline: 5, TSCKHz: 2_000_000,
		CPUID: [][7]uint32{{0, 0, 0, 0x1c, 1, 2, 3}, {7, 0, 1, 0, 0xff, 0, 0}},
	}
}

func sampleVM() *vmSaved {
	pit := kvm.PITState{Flags: 1}
	s := &vmSaved{Clock: 1e9, TSC: 2e9, Realtime: 1.7e18, PIT: kvm.Bytes(&pit), VCPUs: 1, Memory: 128 << 20}
	for id, into := range map[uint32]*[]byte{kvm.PICMaster: &s.PICMaster, kvm.PICSlave: &s.PICSlave, kvm.IOAPIC: &s.IOAPIC} {
		*into = kvm.Bytes(&kvm.IRQChip{ID: id, State: [512]uint8{1}})
	}
	return s
}

func sampleState(t testing.TB) *vmstate.State {
	t.Helper()
	s := vmstate.New()
	if err := errors.Join(s.Out(vcpuSection(0)).Put(1, sampleVCPU()), s.Out(vmSection).Put(1, sampleVM())); err != nil {
		t.Fatal(err)
	}
	return s
}

// The state of vCPUs and VM as a released version wrote it is loaded for ever: who
// raises a version keeps this file, and adds another.
func TestGoldenStateOfVCPUsAndVM(t *testing.T) {
	golden, err := os.ReadFile(filepath.Join("testdata", "states", "v1"))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := sampleState(t).Write(&b); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b.Bytes(), golden) {
		t.Error("the same state is written otherwise today: raise the version")
	}
	s, err := vmstate.Read(bytes.NewReader(golden))
	if err != nil {
		t.Fatal(err)
	}
	l, err := loadVCPU(s.In(vcpuSection(0)))
	if err != nil {
		t.Fatal(err)
	}
	want := sampleVCPU()
	if !bytes.Equal(kvm.Bytes(&l.events), want.Events) || !bytes.Equal(kvm.Bytes(l.sregs2), want.SRegs2) || l.regs.RIP != 0xffffffff81000000 ||
		!cmp.Equal(l.xsave, want.XSave) || len(l.msrs) != 2 || l.msrs[1].Data != 0xd01 || !l.waitsForDeadline() || l.deadline != 5 ||
		len(l.cpuid) != 2 || l.cpuid[1].EBX != 0xff || l.mp.State != kvm.MPHalted {
		t.Errorf("%+v", l)
	}
	vm, err := loadVM(s.In(vmSection))
	if err != nil || vm.saved.TSC != 2e9 || len(vm.chips) != 3 || vm.pit.Flags != 1 {
		t.Errorf("%+v, %v", vm, err)
	}
	if err := s.Unknown(); err != nil {
		t.Error(err)
	}
}

func TestStatesOfVCPUsThatCannotHaveBeenSaved(t *testing.T) {
	for name, change := range map[string]func(*vcpuSaved){
		"short registers": func(s *vcpuSaved) { s.Regs = s.Regs[1:] },
		"no sregs":        func(s *vcpuSaved) { s.SRegs2 = nil },
		"a TSC":           func(s *vcpuSaved) { s.MSRs[0][0] = msrTSC },
		"an MSR of 2^32":  func(s *vcpuSaved) { s.MSRs[0][0] = 1 << 32 },
	} {
		v := sampleVCPU()
		change(v)
		s := vmstate.New()
		if err := s.Out("v").Put(1, v); err != nil {
			t.Fatal(err)
		}
		if _, err := loadVCPU(s.In("v")); !errors.Is(err, vmstate.ErrBadState) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzLoadVCPU judges the state of a vCPU and of the VM.
func FuzzLoadVCPU(f *testing.F) {
	f.Add(sampleState(f).Values())
	f.Fuzz(func(_ *testing.T, values []byte) {
		s := vmstate.FromValues(values)
		_, _ = loadVCPU(s.In(vcpuSection(0)))
		_, _ = loadVM(s.In(vmSection))
	})
}
