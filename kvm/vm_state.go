package kvm

import (
	"fmt"
	"runtime"
)

// Arguments of CapManualDirtyLogProtect2.
const (
	DirtyLogManualProtect = 1 << 0 // GetDirtyLog leaves pages dirty; ClearDirtyLog clears
	DirtyLogInitiallySet  = 1 << 1 // every page starts dirty
)

// GetDirtyLog reads which pages of a slot of size bytes were written, one bit a
// page (KVM_GET_DIRTY_LOG, section 4.8).
func (vm *VM) GetDirtyLog(slot uint32, size uint64, bitmap []uint64) error {
	op := fmt.Sprintf("KVM_GET_DIRTY_LOG slot %d", slot)
	if err := roomFor(size, bitmap); err != nil {
		return vm.fail(op, err)
	}
	defer runtime.KeepAlive(bitmap)
	return doWith(&vm.handle, op, ioGetDirtyLog, &dirtyLog{slot: slot, bitmap: bitmapAddr(bitmap)})
}

// ClearDirtyLog protects again the pages from firstPage on whose bits are set,
// under manual protection (KVM_CLEAR_DIRTY_LOG, section 4.117). firstPage is a
// multiple of 64, and so is pages unless it reaches the slot's end.
func (vm *VM) ClearDirtyLog(slot uint32, firstPage uint64, pages uint32, bitmap []uint64) error {
	op := fmt.Sprintf("KVM_CLEAR_DIRTY_LOG slot %d", slot)
	if err := roomFor(uint64(pages)*4096, bitmap); err != nil {
		return vm.fail(op, err)
	}
	defer runtime.KeepAlive(bitmap)
	return doWith(&vm.handle, op, ioClearDirtyLog,
		&clearDirtyLog{slot: slot, numPages: pages, firstPage: firstPage, bitmap: bitmapAddr(bitmap)})
}

// roomFor holds that the kernel stays inside bitmap: it touches whole words.
func roomFor(size uint64, bitmap []uint64) error {
	if words := (size/4096 + 63) / 64; uint64(len(bitmap)) < max(words, 1) {
		return fmt.Errorf("bitmap of %d words, %d needed", len(bitmap), max(words, 1))
	}
	return nil
}

// GetClock reads kvm-clock (KVM_GET_CLOCK, section 4.30).
func (vm *VM) GetClock() (ClockData, error) {
	var c ClockData
	return c, doWith(&vm.handle, "KVM_GET_CLOCK", ioGetClock, &c)
}

// SetClock sets kvm-clock (KVM_SET_CLOCK, section 4.31).
func (vm *VM) SetClock(c ClockData) error {
	return doWith(&vm.handle, "KVM_SET_CLOCK", ioSetClock, &c)
}
