package vmm

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/kvm"
	"github.com/hullvm/hull/vmstate"
)

// vcpuSaved is the state of a vCPU. Structures of KVM's are the bytes that its
// interface gives them, which never change; Linux's virt/kvm/api.rst says what
// is in each.
type vcpuSaved struct {
	MPState   uint32      `cbor:"1,keyasint"`
	Events    []byte      `cbor:"2,keyasint"` // struct kvm_vcpu_events
	Regs      []byte      `cbor:"3,keyasint"` // struct kvm_regs
	SRegs2    []byte      `cbor:"4,keyasint,omitempty"`
	SRegs     []byte      `cbor:"5,keyasint,omitempty"` // where KVM has no kvm_sregs2
	DebugRegs []byte      `cbor:"6,keyasint"`           // struct kvm_debugregs
	XSave     []uint32    `cbor:"7,keyasint"`           // struct kvm_xsave, as long as the vCPU's is
	XCRS      []byte      `cbor:"8,keyasint"`           // struct kvm_xcrs
	LAPIC     []byte      `cbor:"9,keyasint"`           // struct kvm_lapic_state
	MSRs      [][2]uint64 `cbor:"10,keyasint"`          // index and value; without those of time
	Deadline  uint64      `cbor:"11,keyasint"`          // IA32_TSC_DEADLINE
	TSCKHz    uint32      `cbor:"12,keyasint"`
	CPUID     [][7]uint32 `cbor:"13,keyasint"` // function, index, flags, EAX, EBX, ECX, EDX: what KVM was given
}

const vcpuVersion = 1

// errMoved says that a vCPU's state changed while it was read.
var errMoved = errors.New("its events change while they are read")

// saveVCPU reads a vCPU's state, on its thread. The order matters: reading the
// multiprocessing state lets the local APIC take INIT and SIPI, and events that
// are read first show an exception whose payload is in no register yet.
func saveVCPU(v *vcpu, msrs []uint32, xsave int) (*vcpuSaved, error) {
	const tries = 3
	for range tries {
		s, err := readVCPU(v.fd, msrs, xsave)
		if err == nil {
			s.CPUID = packCPUID(v.cpuid)
		}
		if !errors.Is(err, errMoved) {
			return s, err
		}
	}
	return nil, fmt.Errorf("vCPU %d: save: %w", v.index, errMoved)
}

func readVCPU(fd *kvm.VCPU, msrs []uint32, xsave int) (*vcpuSaved, error) {
	var s vcpuSaved
	mp, err := fd.MPState()
	if err != nil {
		return nil, err
	}
	s.MPState = mp.State
	events, err := fd.Events()
	if err != nil {
		return nil, err
	}
	s.Events = kvm.Bytes(&events)
	if err := s.readRegisters(fd, xsave); err != nil {
		return nil, err
	}
	lapic, err := fd.LAPIC()
	if err != nil {
		return nil, err
	}
	s.LAPIC = kvm.Bytes(lapic)
	if err := s.readMSRs(fd, msrs); err != nil {
		return nil, err
	}
	if again, err := fd.Events(); err != nil || again != events {
		return nil, errors.Join(err, errMoved)
	}
	return &s, nil
}

func (s *vcpuSaved) readRegisters(fd *kvm.VCPU, xsave int) error {
	regs, err := fd.Regs()
	if err != nil {
		return err
	}
	s.Regs = kvm.Bytes(&regs)
	switch sregs, err := fd.SRegs2(); {
	case err == nil:
		s.SRegs2 = kvm.Bytes(&sregs)
	case errors.Is(err, unix.ENOTTY) || errors.Is(err, unix.EINVAL):
		older, err := fd.SRegs()
		if err != nil {
			return err
		}
		older.InterruptBitmap = [4]uint64{} // the events have it
		s.SRegs = kvm.Bytes(&older)
	default:
		return err
	}
	debug, err := fd.DebugRegs()
	if err != nil {
		return err
	}
	s.DebugRegs = kvm.Bytes(&debug)
	if s.XSave, err = readXSave(fd, xsave); err != nil {
		return err
	}
	xcrs, err := fd.XCRS()
	if err != nil {
		return err
	}
	s.XCRS = kvm.Bytes(&xcrs)
	return nil
}

// readXSave reads the extended state, of size bytes where that is not 0.
func readXSave(fd *kvm.VCPU, size int) ([]uint32, error) {
	if size > 0 {
		return fd.XSave2(size)
	}
	x, err := fd.XSave()
	if err != nil {
		return nil, err
	}
	return x.Region[:], nil
}

// readMSRs reads the model-specific registers, and the rate of the time-stamp
// counter.
func (s *vcpuSaved) readMSRs(fd *kvm.VCPU, msrs []uint32) error {
	entries, err := fd.ReadableMSRs(msrs)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Index == msrTSCDeadline {
			s.Deadline = e.Data
		} else {
			s.MSRs = append(s.MSRs, [2]uint64{uint64(e.Index), e.Data})
		}
	}
	s.TSCKHz, err = fd.TSCKHz()
	return err
}

// packCPUID are entries as they are written down.
func packCPUID(leaves []kvm.CPUIDEntry) (list [][7]uint32) {
	for _, l := range leaves {
		list = append(list, [7]uint32{l.Function, l.Index, l.Flags, l.EAX, l.EBX, l.ECX, l.EDX})
	}
	return list
}

// unpackCPUID is what packCPUID made a list of.
func unpackCPUID(list [][7]uint32) (leaves []kvm.CPUIDEntry) {
	for _, c := range list {
		leaves = append(leaves, kvm.CPUIDEntry{Function: c[0], Index: c[1], Flags: c[2], EAX: c[3], EBX: c[4], ECX: c[5], EDX: c[6]})
	}
	return leaves
}

// vcpuLoad is a vCPU's state as it is given back to KVM.
type vcpuLoad struct {
	mp       kvm.MPState
	events   kvm.VCPUEvents
	regs     kvm.Regs
	sregs2   *kvm.SRegs2
	sregs    *kvm.SRegs
	debug    kvm.DebugRegs
	xsave    []uint32
	xcrs     kvm.XCRS
	lapic    kvm.LAPIC
	msrs     []kvm.MSREntry
	deadline uint64
	tscKHz   uint32
	cpuid    []kvm.CPUIDEntry
}

// loadVCPU reads and judges a vCPU's section. What KVM itself judges, such as
// which bits a control register may have, is left to it.
func loadVCPU(in vmstate.In) (*vcpuLoad, error) {
	var s vcpuSaved
	if _, err := in.Get(vcpuVersion, &s); err != nil {
		return nil, err
	}
	l := &vcpuLoad{mp: kvm.MPState{State: s.MPState}, deadline: s.Deadline, tscKHz: s.TSCKHz, xsave: s.XSave}
	var errs [7]error
	l.events, errs[0] = kvm.FromBytes[kvm.VCPUEvents](s.Events)
	l.regs, errs[1] = kvm.FromBytes[kvm.Regs](s.Regs)
	l.debug, errs[2] = kvm.FromBytes[kvm.DebugRegs](s.DebugRegs)
	l.xcrs, errs[3] = kvm.FromBytes[kvm.XCRS](s.XCRS)
	l.lapic, errs[4] = kvm.FromBytes[kvm.LAPIC](s.LAPIC)
	if s.SRegs2 != nil {
		l.sregs2 = new(kvm.SRegs2)
		*l.sregs2, errs[5] = kvm.FromBytes[kvm.SRegs2](s.SRegs2)
	} else {
		l.sregs = new(kvm.SRegs)
		*l.sregs, errs[6] = kvm.FromBytes[kvm.SRegs](s.SRegs)
	}
	if err := errors.Join(errs[:]...); err != nil {
		return nil, in.Refuse("%w", err)
	}
	for _, m := range s.MSRs {
		if m[0] > 1<<32-1 || slices.Contains(msrsOfTime, uint32(m[0])) {
			return nil, in.Refuse("model-specific register %#x", m[0])
		}
		l.msrs = append(l.msrs, kvm.MSREntry{Index: uint32(m[0]), Data: m[1]})
	}
	l.cpuid = unpackCPUID(s.CPUID)
	return l, nil
}

// apply gives a vCPU that was just made its state, but for its time, which
// applyTime sets. Registers come before events, since setting them clears an
// exception; the APIC's base before the APIC, and that before its MSRs.
func (l *vcpuLoad) apply(v *vcpu, xsave int) error {
	fd := v.fd
	if err := v.setCPUID(l.cpuid); err != nil {
		return err
	}
	if l.sregs2 != nil {
		if err := fd.SetSRegs2(*l.sregs2); err != nil {
			return err
		}
	} else if err := fd.SetSRegs(*l.sregs); err != nil {
		return err
	}
	if err := fd.SetRegs(l.regs); err != nil {
		return err
	}
	if l.xcrs.Count > 0 { // processors without XSAVE have none
		if err := fd.SetXCRS(l.xcrs); err != nil {
			return err
		}
	}
	if err := l.applyXSave(fd, xsave); err != nil {
		return err
	}
	if err := fd.SetLAPIC(&l.lapic); err != nil {
		return err
	}
	if err := l.applyMSRs(fd); err != nil {
		return err
	}
	if err := fd.SetDebugRegs(l.debug); err != nil {
		return err
	}
	if err := fd.SetEvents(l.events); err != nil {
		return err
	}
	return fd.SetMPState(l.mp)
}

// minXSave is the size of struct kvm_xsave, in bytes.
const minXSave = 4096

// applyXSave sets the extended state: size bytes, or those of struct kvm_xsave.
func (l *vcpuLoad) applyXSave(fd *kvm.VCPU, size int) error {
	words := max(size, minXSave) / 4
	if len(l.xsave) > words {
		return fmt.Errorf("extended state of %d bytes: this host's vCPUs have %d", len(l.xsave)*4, words*4)
	}
	return fd.SetXSave2(append(slices.Clone(l.xsave), make([]uint32, words-len(l.xsave))...))
}

// applyMSRs sets the model-specific registers. One that this host's vCPUs do not
// have is of no matter while it has nothing in it.
func (l *vcpuLoad) applyMSRs(fd *kvm.VCPU) error {
	refused, err := fd.TryMSRs(l.msrs)
	if err != nil {
		return err
	}
	for _, r := range refused {
		if r.Data != 0 {
			return fmt.Errorf("model-specific register %#x: this host does not take %#x for it", r.Index, r.Data)
		}
	}
	return nil
}

// waitsForDeadline reports whether the local APIC's timer is one of TSC deadlines
// and is not masked: bits 18:17 and 16 of LVT Timer at 0x320 (SDM volume 3, 11.5.1).
func (l *vcpuLoad) waitsForDeadline() bool { return l.lapic.Regs[0x322]&0b111 == 0b100 }
