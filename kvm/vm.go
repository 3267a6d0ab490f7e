package kvm

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// VM is a virtual machine (section 2.1: VM ioctls). Its calls may be made from
// any thread.
type VM struct {
	handle
	runSize int
}

// Check is System.Check for this machine, which may differ.
func (vm *VM) Check(c Cap) int { return check(vm.fd, c) }

// EnableCap turns on an extension (KVM_ENABLE_CAP, section 4.37).
func (vm *VM) EnableCap(c Cap, args ...uint64) error {
	arg := enableCap{cap: uint32(c)}
	if copy(arg.args[:], args) < len(args) {
		return vm.fail("KVM_ENABLE_CAP "+c.String(), fmt.Errorf("%d arguments, at most %d", len(args), len(arg.args)))
	}
	if _, err := callWith(vm.fd, ioEnableCap, &arg); err != nil {
		return vm.fail("KVM_ENABLE_CAP "+c.String(), err)
	}
	return nil
}

// SetTSSAddr gives KVM on Intel hosts three pages for itself, at a guest-physical
// address that is no RAM (KVM_SET_TSS_ADDR, section 4.34).
func (vm *VM) SetTSSAddr(addr uint32) error {
	return vm.do("KVM_SET_TSS_ADDR", ioSetTSSAddr, uintptr(addr))
}

// SetIdentityMapAddr gives KVM on Intel hosts one page for itself, before the
// first vCPU (KVM_SET_IDENTITY_MAP_ADDR, section 4.38).
func (vm *VM) SetIdentityMapAddr(addr uint64) error {
	return doWith(&vm.handle, "KVM_SET_IDENTITY_MAP_ADDR", ioSetIdentityMap, &addr)
}

// SetBootCPUID says which vCPU is not born waiting (KVM_SET_BOOT_CPU_ID, section
// 4.40); before the first vCPU.
func (vm *VM) SetBootCPUID(id uint32) error {
	return vm.do("KVM_SET_BOOT_CPU_ID", ioSetBootCPUID, uintptr(id))
}

// SetTSCKHz sets the rate of the time-stamp counter of vCPUs made later, in kHz
// (KVM_SET_TSC_KHZ, section 4.55).
func (vm *VM) SetTSCKHz(khz uint32) error {
	return vm.do("KVM_SET_TSC_KHZ", ioSetTSCKHz, uintptr(khz))
}

// MemoryRegion is a slot of guest memory. A Size of 0 removes the slot.
type MemoryRegion struct {
	Slot          uint32
	Flags         uint32
	GuestPhysAddr uint64  // of the first byte
	Size          uint64  // bytes
	HostAddr      uintptr // of the first byte, in this process
}

// Bits of MemoryRegion.Flags.
const (
	MemLogDirtyPages = 1 << 0
	MemReadOnly      = 1 << 1 // KVM_CAP_READONLY_MEM
)

// SetUserMemoryRegion makes, changes or removes a slot
// (KVM_SET_USER_MEMORY_REGION, section 4.35).
func (vm *VM) SetUserMemoryRegion(r MemoryRegion) error {
	return doWith(&vm.handle, fmt.Sprintf("KVM_SET_USER_MEMORY_REGION slot %d at %#x", r.Slot, r.GuestPhysAddr), ioSetUserMemory,
		&userspaceMemoryRegion{slot: r.Slot, flags: r.Flags, guestPhysAddr: r.GuestPhysAddr, size: r.Size, userspaceAddr: uint64(r.HostAddr)})
}

// CreateVCPU makes a vCPU whose local APIC has this id (KVM_CREATE_VCPU, section
// 4.7).
func (vm *VM) CreateVCPU(id uint32) (*VCPU, error) {
	object := fmt.Sprintf("vCPU %d", id)
	fd, err := call(vm.fd, ioCreateVCPU, uintptr(id))
	if err != nil {
		return nil, &Error{Object: object, Op: "KVM_CREATE_VCPU", Err: err}
	}
	unix.CloseOnExec(fd)
	v := &VCPU{handle: handle{object: object, fd: fd}}
	if v.run, err = mapRun(fd, vm.runSize); err != nil {
		err = v.fail("mmap kvm_run", err)
		_ = v.handle.Close()
		return nil, err
	}
	return v, nil
}

func (h *handle) do(op string, nr ioctl, arg uintptr) error {
	if _, err := call(h.fd, nr, arg); err != nil {
		return h.fail(op, err)
	}
	return nil
}

func doWith[T any](h *handle, op string, nr ioctl, arg *T) error {
	if _, err := callWith(h.fd, nr, arg); err != nil {
		return h.fail(op, err)
	}
	return nil
}
