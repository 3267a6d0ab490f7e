package kvm

import (
	"fmt"
)

// mostXSave is the most bytes of extended state that are taken for one.
const mostXSave = 1 << 20

// XSave reads the extended state (KVM_GET_XSAVE, section 4.42).
func (v *VCPU) XSave() (*XSave, error) {
	x := new(XSave)
	if err := doWith(&v.handle, "KVM_GET_XSAVE", ioGetXSave, x); err != nil {
		return nil, err
	}
	return x, nil
}

// SetXSave sets the extended state (KVM_SET_XSAVE, section 4.43).
func (v *VCPU) SetXSave(x *XSave) error { return doWith(&v.handle, "KVM_SET_XSAVE", ioSetXSave, x) }

// XSave2 reads the extended state of a vCPU whose state does not fit XSave
// (KVM_GET_XSAVE2, section 4.134). size is VM.Check(CapXSave2), in bytes.
func (v *VCPU) XSave2(size int) ([]uint32, error) {
	if size < 4096 || size > mostXSave {
		return nil, v.fail("KVM_GET_XSAVE2", fmt.Errorf("state of %d bytes, 4096 to %d are", size, mostXSave))
	}
	_, state, _, err := list(v.fd, ioGetXSave2, struct{}{}, make([]uint32, (size+3)/4))
	if err != nil {
		return nil, v.fail("KVM_GET_XSAVE2", err)
	}
	return state, nil
}

// SetXSave2 sets an extended state that XSave2 gave (KVM_SET_XSAVE, section 4.43:
// since Linux 5.17 it takes as much as the vCPU has).
func (v *VCPU) SetXSave2(state []uint32) error {
	if len(state) < 1024 || len(state) > mostXSave/4 {
		return v.fail("KVM_SET_XSAVE", fmt.Errorf("state of %d bytes, 4096 to %d are", len(state)*4, mostXSave))
	}
	if _, _, _, err := list(v.fd, ioSetXSave, struct{}{}, state); err != nil {
		return v.fail("KVM_SET_XSAVE", err)
	}
	return nil
}

// SRegs2 reads the special registers (KVM_GET_SREGS2, section 4.129).
func (v *VCPU) SRegs2() (SRegs2, error) {
	var s SRegs2
	return s, doWith(&v.handle, "KVM_GET_SREGS2", ioGetSRegs2, &s)
}

// SetSRegs2 sets the special registers (KVM_SET_SREGS2, section 4.130).
func (v *VCPU) SetSRegs2(s SRegs2) error {
	return doWith(&v.handle, "KVM_SET_SREGS2", ioSetSRegs2, &s)
}

// ReadableMSRs reads those of the registers that the vCPU has: which there are
// depends on its CPUID and the host.
func (v *VCPU) ReadableMSRs(indices []uint32) ([]MSREntry, error) {
	const op = "KVM_GET_MSRS"
	if len(indices) > maxMSRs {
		return nil, v.fail(op, fmt.Errorf("%d registers, at most %d", len(indices), maxMSRs))
	}
	var readable []MSREntry
	for len(indices) > 0 {
		entries := make([]MSREntry, len(indices))
		for i, index := range indices {
			entries[i].Index = index
		}
		_, out, n, err := list(v.fd, ioGetMSRs, msrsHeader{nmsrs: uint32(len(entries))}, entries)
		if err != nil || n < 0 {
			return nil, v.fail(op, err)
		}
		readable = append(readable, out[:n]...)
		indices = indices[min(n+1, len(indices)):] // KVM stops at the first that is not readable
	}
	return readable, nil
}

// TryMSRs sets registers in order, and returns those that the vCPU refuses.
func (v *VCPU) TryMSRs(entries []MSREntry) (refused []MSREntry, err error) {
	const op = "KVM_SET_MSRS"
	if len(entries) > maxMSRs {
		return nil, v.fail(op, fmt.Errorf("%d registers, at most %d", len(entries), maxMSRs))
	}
	for len(entries) > 0 {
		_, _, n, err := list(v.fd, ioSetMSRs, msrsHeader{nmsrs: uint32(len(entries))}, entries)
		if err != nil || n < 0 {
			return nil, v.fail(op, err)
		}
		if n < len(entries) {
			refused = append(refused, entries[n])
		}
		entries = entries[min(n+1, len(entries)):]
	}
	return refused, nil
}
