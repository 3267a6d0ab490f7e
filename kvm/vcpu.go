package kvm

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// VCPU is a virtual processor (section 2.1: vCPU ioctls). Run and the state calls
// belong to one thread, since KVM ties the vCPU to the thread that last ran it;
// SetImmediateExit may be called from any until Close.
type VCPU struct {
	handle
	run []byte // struct kvm_run, shared with KVM
}

// Close unmaps the run page and closes the descriptor. Nobody may be using them.
func (v *VCPU) Close() error {
	v.mu.Lock()
	run := v.run
	v.run = nil
	v.mu.Unlock()
	var err error
	if run != nil {
		if e := unix.Munmap(run); e != nil {
			err = v.fail("munmap kvm_run", e)
		}
	}
	return errors.Join(err, v.handle.Close())
}

// Run enters the guest until something has to be done outside (KVM_RUN, section
// 4.10). It returns unix.EINTR for a signal or an immediate exit, and
// unix.EAGAIN for a vCPU that still waits for its SIPI, inside an [Error].
func (v *VCPU) Run() error {
	if _, err := call(v.fd, ioRun, 0); err != nil {
		// The two that come all the time are not worth an allocation.
		if err == unix.EINTR || err == unix.EAGAIN {
			return err
		}
		return v.fail("KVM_RUN", err)
	}
	return nil
}

// Regs reads the general registers (KVM_GET_REGS, section 4.11).
func (v *VCPU) Regs() (Regs, error) {
	var r Regs
	return r, doWith(&v.handle, "KVM_GET_REGS", ioGetRegs, &r)
}

// SetRegs sets the general registers (KVM_SET_REGS, section 4.12).
func (v *VCPU) SetRegs(r Regs) error { return doWith(&v.handle, "KVM_SET_REGS", ioSetRegs, &r) }

// SRegs reads the special registers (KVM_GET_SREGS, section 4.13).
func (v *VCPU) SRegs() (SRegs, error) {
	var s SRegs
	return s, doWith(&v.handle, "KVM_GET_SREGS", ioGetSRegs, &s)
}

// SetSRegs sets the special registers (KVM_SET_SREGS, section 4.14).
func (v *VCPU) SetSRegs(s SRegs) error { return doWith(&v.handle, "KVM_SET_SREGS", ioSetSRegs, &s) }

// FPU reads the floating-point state (KVM_GET_FPU, section 4.22).
func (v *VCPU) FPU() (FPU, error) {
	var f FPU
	return f, doWith(&v.handle, "KVM_GET_FPU", ioGetFPU, &f)
}

// SetFPU sets the floating-point state (KVM_SET_FPU, section 4.23).
func (v *VCPU) SetFPU(f FPU) error { return doWith(&v.handle, "KVM_SET_FPU", ioSetFPU, &f) }

// XCRS reads the extended control registers (KVM_GET_XCRS, section 4.44).
func (v *VCPU) XCRS() (XCRS, error) {
	var x XCRS
	return x, doWith(&v.handle, "KVM_GET_XCRS", ioGetXCRS, &x)
}

// SetXCRS sets the extended control registers (KVM_SET_XCRS, section 4.45).
func (v *VCPU) SetXCRS(x XCRS) error { return doWith(&v.handle, "KVM_SET_XCRS", ioSetXCRS, &x) }

// DebugRegs reads the debug registers (KVM_GET_DEBUGREGS, section 4.33).
func (v *VCPU) DebugRegs() (DebugRegs, error) {
	var d DebugRegs
	return d, doWith(&v.handle, "KVM_GET_DEBUGREGS", ioGetDebugRegs, &d)
}

// SetDebugRegs sets the debug registers (KVM_SET_DEBUGREGS, section 4.34).
func (v *VCPU) SetDebugRegs(d DebugRegs) error {
	return doWith(&v.handle, "KVM_SET_DEBUGREGS", ioSetDebugRegs, &d)
}

// LAPIC reads the local APIC (KVM_GET_LAPIC, section 4.57).
func (v *VCPU) LAPIC() (*LAPIC, error) {
	l := new(LAPIC)
	if err := doWith(&v.handle, "KVM_GET_LAPIC", ioGetLAPIC, l); err != nil {
		return nil, err
	}
	return l, nil
}

// SetLAPIC sets the local APIC (KVM_SET_LAPIC, section 4.58).
func (v *VCPU) SetLAPIC(l *LAPIC) error { return doWith(&v.handle, "KVM_SET_LAPIC", ioSetLAPIC, l) }

// MPState reads where the vCPU stands among the others (KVM_GET_MP_STATE,
// section 4.38).
func (v *VCPU) MPState() (MPState, error) {
	var m MPState
	return m, doWith(&v.handle, "KVM_GET_MP_STATE", ioGetMPState, &m)
}

// SetMPState sets it (KVM_SET_MP_STATE, section 4.39).
func (v *VCPU) SetMPState(m MPState) error {
	return doWith(&v.handle, "KVM_SET_MP_STATE", ioSetMPState, &m)
}

// Events reads pending exceptions and interrupts (KVM_GET_VCPU_EVENTS, section
// 4.31).
func (v *VCPU) Events() (VCPUEvents, error) {
	var e VCPUEvents
	return e, doWith(&v.handle, "KVM_GET_VCPU_EVENTS", ioGetVCPUEvents, &e)
}

// SetEvents sets them (KVM_SET_VCPU_EVENTS, section 4.32).
func (v *VCPU) SetEvents(e VCPUEvents) error {
	return doWith(&v.handle, "KVM_SET_VCPU_EVENTS", ioSetVCPUEvents, &e)
}

// SetCPUID2 sets what CPUID answers (KVM_SET_CPUID2, section 4.20).
func (v *VCPU) SetCPUID2(entries []CPUIDEntry) error {
	if len(entries) > maxCPUIDEntries {
		return v.fail("KVM_SET_CPUID2", fmt.Errorf("%d entries, at most %d", len(entries), maxCPUIDEntries))
	}
	if _, _, _, err := list(v.fd, ioSetCPUID2, cpuidHeader{nent: uint32(len(entries))}, entries); err != nil {
		return v.fail("KVM_SET_CPUID2", err)
	}
	return nil
}

// CPUID2 reads what CPUID answers (KVM_GET_CPUID2, section 4.21).
func (v *VCPU) CPUID2() ([]CPUIDEntry, error) {
	entries, err := readCPUID(v.fd, ioGetCPUID2)
	if err != nil {
		return nil, v.fail("KVM_GET_CPUID2", err)
	}
	return entries, nil
}

// MSRs reads model-specific registers (KVM_GET_MSRS, section 4.18). One that
// cannot be read is an error that names it.
func (v *VCPU) MSRs(indices []uint32) ([]MSREntry, error) { return readMSRs(&v.handle, indices) }

// SetMSRs sets model-specific registers in order (KVM_SET_MSRS, section 4.19).
// One that is refused is an error that names it; those before it are set.
func (v *VCPU) SetMSRs(entries []MSREntry) error {
	_, err := v.msrs("KVM_SET_MSRS", ioSetMSRs, entries)
	return err
}

func readMSRs(h *handle, indices []uint32) ([]MSREntry, error) {
	entries := make([]MSREntry, len(indices))
	for i, index := range indices {
		entries[i].Index = index
	}
	return h.msrs("KVM_GET_MSRS", ioGetMSRs, entries)
}

func (h *handle) msrs(op string, nr ioctl, entries []MSREntry) ([]MSREntry, error) {
	if len(entries) > maxMSRs {
		return nil, h.fail(op, fmt.Errorf("%d registers, at most %d", len(entries), maxMSRs))
	}
	_, out, n, err := list(h.fd, nr, msrsHeader{nmsrs: uint32(len(entries))}, entries)
	if err != nil {
		return nil, h.fail(op, err)
	}
	if n < len(entries) {
		return nil, h.fail(op, fmt.Errorf("register %#x: %w", entries[max(n, 0)].Index, unix.EINVAL))
	}
	return out, nil
}

// KVMClockCtrl tells the guest, through kvm-clock, that it was paused, so that
// its watchdogs forgive it (KVM_KVMCLOCK_CTRL, section 4.70). It is ErrInvalid
// where the guest does not use kvm-clock.
func (v *VCPU) KVMClockCtrl() error { return v.do("KVM_KVMCLOCK_CTRL", ioKVMClockCtrl, 0) }

// TSCKHz is the rate of the time-stamp counter (KVM_GET_TSC_KHZ, section 4.56).
func (v *VCPU) TSCKHz() (uint32, error) {
	n, err := call(v.fd, ioGetTSCKHz, 0)
	if err != nil {
		return 0, v.fail("KVM_GET_TSC_KHZ", err)
	}
	return uint32(n), nil
}

// SetTSCKHz sets it (KVM_SET_TSC_KHZ, section 4.55).
func (v *VCPU) SetTSCKHz(khz uint32) error {
	return v.do("KVM_SET_TSC_KHZ", ioSetTSCKHz, uintptr(khz))
}

// NMI raises a non-maskable interrupt (KVM_NMI, section 4.64).
func (v *VCPU) NMI() error { return v.do("KVM_NMI", ioNMI, 0) }

// Interrupt injects a vector, for machines without an in-kernel local APIC
// (KVM_INTERRUPT, section 4.16).
func (v *VCPU) Interrupt(vector uint32) error {
	return doWith(&v.handle, "KVM_INTERRUPT", ioInterrupt, &interrupt{irq: vector})
}

// SetGuestDebug turns single steps and breakpoints on or off
// (KVM_SET_GUEST_DEBUG, section 4.87).
func (v *VCPU) SetGuestDebug(d GuestDebug) error {
	return doWith(&v.handle, "KVM_SET_GUEST_DEBUG", ioSetGuestDebug, &d)
}

// Translate walks the guest's page tables (KVM_TRANSLATE, section 4.15).
func (v *VCPU) Translate(linear uint64) (Translation, error) {
	t := Translation{LinearAddress: linear}
	return t, doWith(&v.handle, "KVM_TRANSLATE", ioTranslate, &t)
}

// The vCPU attribute that holds the offset of its time-stamp counter (section
// "VCPU device attributes", KVM_VCPU_TSC_CTRL).
const (
	vcpuTSCControl = 0
	vcpuTSCOffset  = 0
)

// HasTSCOffset reports whether the offset can be read and set (Linux 5.16).
func (v *VCPU) HasTSCOffset() bool {
	arg := deviceAttr{group: vcpuTSCControl, attr: vcpuTSCOffset}
	_, err := callWith(v.fd, ioHasDeviceAttr, &arg)
	return err == nil
}

// TSCOffset is what is added to the host's time-stamp counter.
func (v *VCPU) TSCOffset() (uint64, error) {
	var offset uint64
	arg := deviceAttr{group: vcpuTSCControl, attr: vcpuTSCOffset, addr: pointerTo(&offset)}
	err := doWith(&v.handle, "KVM_GET_DEVICE_ATTR KVM_VCPU_TSC_OFFSET", ioGetDeviceAttr, &arg)
	return offset, err
}

// SetTSCOffset sets it.
func (v *VCPU) SetTSCOffset(offset uint64) error {
	arg := deviceAttr{group: vcpuTSCControl, attr: vcpuTSCOffset, addr: pointerTo(&offset)}
	return doWith(&v.handle, "KVM_SET_DEVICE_ATTR KVM_VCPU_TSC_OFFSET", ioSetDeviceAttr, &arg)
}
