package kvm

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"

	"github.com/hullvm/hull/internal/hosttest"
)

// sizes pairs each call that has a structure with that structure.
var sizes = []struct {
	name string // of the ioctl in the kernel's header
	nr   ioctl
	size uintptr
}{
	{"KVM_GET_DIRTY_LOG", ioGetDirtyLog, unsafe.Sizeof(dirtyLog{})},
	{"KVM_SET_USER_MEMORY_REGION", ioSetUserMemory, unsafe.Sizeof(userspaceMemoryRegion{})},
	{"KVM_SET_IDENTITY_MAP_ADDR", ioSetIdentityMap, unsafe.Sizeof(uint64(0))},
	{"KVM_IRQ_LINE", ioIRQLine, unsafe.Sizeof(irqLevel{})},
	{"KVM_GET_IRQCHIP", ioGetIRQChip, unsafe.Sizeof(IRQChip{})},
	{"KVM_SET_IRQCHIP", ioSetIRQChip, unsafe.Sizeof(IRQChip{})},
	{"KVM_SET_GSI_ROUTING", ioSetGSIRouting, unsafe.Sizeof(routingHeader{})},
	{"KVM_IRQFD", ioIRQFD, unsafe.Sizeof(irqfd{})},
	{"KVM_CREATE_PIT2", ioCreatePIT2, unsafe.Sizeof(pitConfig{})},
	{"KVM_IOEVENTFD", ioIOEventFD, unsafe.Sizeof(ioeventfd{})},
	{"KVM_SET_CLOCK", ioSetClock, unsafe.Sizeof(ClockData{})},
	{"KVM_GET_CLOCK", ioGetClock, unsafe.Sizeof(ClockData{})},
	{"KVM_GET_REGS", ioGetRegs, unsafe.Sizeof(Regs{})},
	{"KVM_SET_REGS", ioSetRegs, unsafe.Sizeof(Regs{})},
	{"KVM_GET_SREGS", ioGetSRegs, unsafe.Sizeof(SRegs{})},
	{"KVM_SET_SREGS", ioSetSRegs, unsafe.Sizeof(SRegs{})},
	{"KVM_GET_SREGS2", ioGetSRegs2, unsafe.Sizeof(SRegs2{})},
	{"KVM_SET_SREGS2", ioSetSRegs2, unsafe.Sizeof(SRegs2{})},
	{"KVM_TRANSLATE", ioTranslate, unsafe.Sizeof(Translation{})},
	{"KVM_INTERRUPT", ioInterrupt, unsafe.Sizeof(interrupt{})},
	{"KVM_GET_MSRS", ioGetMSRs, unsafe.Sizeof(msrsHeader{})},
	{"KVM_SET_MSRS", ioSetMSRs, unsafe.Sizeof(msrsHeader{})},
	{"KVM_GET_FPU", ioGetFPU, unsafe.Sizeof(FPU{})},
	{"KVM_SET_FPU", ioSetFPU, unsafe.Sizeof(FPU{})},
	{"KVM_GET_LAPIC", ioGetLAPIC, unsafe.Sizeof(LAPIC{})},
	{"KVM_SET_LAPIC", ioSetLAPIC, unsafe.Sizeof(LAPIC{})},
	{"KVM_SET_CPUID2", ioSetCPUID2, unsafe.Sizeof(cpuidHeader{})},
	{"KVM_GET_CPUID2", ioGetCPUID2, unsafe.Sizeof(cpuidHeader{})},
	{"KVM_GET_SUPPORTED_CPUID", ioGetSupportedCPU, unsafe.Sizeof(cpuidHeader{})},
	{"KVM_GET_EMULATED_CPUID", ioGetEmulatedCPU, unsafe.Sizeof(cpuidHeader{})},
	{"KVM_GET_MSR_INDEX_LIST", ioGetMSRIndexList, unsafe.Sizeof(msrListHeader{})},
	{"KVM_GET_MSR_FEATURE_INDEX_LIST", ioGetMSRFeatures, unsafe.Sizeof(msrListHeader{})},
	{"KVM_GET_MP_STATE", ioGetMPState, unsafe.Sizeof(MPState{})},
	{"KVM_SET_MP_STATE", ioSetMPState, unsafe.Sizeof(MPState{})},
	{"KVM_SET_GUEST_DEBUG", ioSetGuestDebug, unsafe.Sizeof(GuestDebug{})},
	{"KVM_GET_PIT2", ioGetPIT2, unsafe.Sizeof(PITState{})},
	{"KVM_SET_PIT2", ioSetPIT2, unsafe.Sizeof(PITState{})},
	{"KVM_GET_VCPU_EVENTS", ioGetVCPUEvents, unsafe.Sizeof(VCPUEvents{})},
	{"KVM_SET_VCPU_EVENTS", ioSetVCPUEvents, unsafe.Sizeof(VCPUEvents{})},
	{"KVM_GET_DEBUGREGS", ioGetDebugRegs, unsafe.Sizeof(DebugRegs{})},
	{"KVM_SET_DEBUGREGS", ioSetDebugRegs, unsafe.Sizeof(DebugRegs{})},
	{"KVM_ENABLE_CAP", ioEnableCap, unsafe.Sizeof(enableCap{})},
	{"KVM_GET_XSAVE", ioGetXSave, unsafe.Sizeof(XSave{})},
	{"KVM_SET_XSAVE", ioSetXSave, unsafe.Sizeof(XSave{})},
	{"KVM_GET_XSAVE2", ioGetXSave2, unsafe.Sizeof(XSave{})},
	{"KVM_SIGNAL_MSI", ioSignalMSI, unsafe.Sizeof(MSI{})},
	{"KVM_GET_XCRS", ioGetXCRS, unsafe.Sizeof(XCRS{})},
	{"KVM_SET_XCRS", ioSetXCRS, unsafe.Sizeof(XCRS{})},
	{"KVM_CLEAR_DIRTY_LOG", ioClearDirtyLog, unsafe.Sizeof(clearDirtyLog{})},
	{"KVM_SET_DEVICE_ATTR", ioSetDeviceAttr, unsafe.Sizeof(deviceAttr{})},
	{"KVM_GET_DEVICE_ATTR", ioGetDeviceAttr, unsafe.Sizeof(deviceAttr{})},
	{"KVM_HAS_DEVICE_ATTR", ioHasDeviceAttr, unsafe.Sizeof(deviceAttr{})},
	{"KVM_GET_API_VERSION", ioGetAPIVersion, 0},
	{"KVM_CREATE_VM", ioCreateVM, 0},
	{"KVM_CHECK_EXTENSION", ioCheckExtension, 0},
	{"KVM_GET_VCPU_MMAP_SIZE", ioGetVCPUMmapSize, 0},
	{"KVM_CREATE_VCPU", ioCreateVCPU, 0},
	{"KVM_SET_TSS_ADDR", ioSetTSSAddr, 0},
	{"KVM_CREATE_IRQCHIP", ioCreateIRQChip, 0},
	{"KVM_SET_BOOT_CPU_ID", ioSetBootCPUID, 0},
	{"KVM_RUN", ioRun, 0},
	{"KVM_NMI", ioNMI, 0},
	{"KVM_SET_TSC_KHZ", ioSetTSCKHz, 0},
	{"KVM_GET_TSC_KHZ", ioGetTSCKHz, 0},
	{"KVM_KVMCLOCK_CTRL", ioKVMClockCtrl, 0},
}

func TestStructuresHaveTheKernelsSizes(t *testing.T) {
	for _, s := range sizes {
		if s.nr.size() != s.size {
			t.Errorf("%s: the structure has %d bytes, the number says %d", s.name, s.size, s.nr.size())
		}
	}
}

// offsets pairs fields with those of the C structures.
var offsets = []struct {
	c    string // structure and field
	at   uintptr
	size uintptr
}{
	{"kvm_regs rip", unsafe.Offsetof(Regs{}.RIP), unsafe.Sizeof(Regs{})},
	{"kvm_regs r8", unsafe.Offsetof(Regs{}.R8), unsafe.Sizeof(Regs{})},
	{"kvm_segment selector", unsafe.Offsetof(Segment{}.Selector), unsafe.Sizeof(Segment{})},
	{"kvm_segment unusable", unsafe.Offsetof(Segment{}.Unusable), unsafe.Sizeof(Segment{})},
	{"kvm_sregs tr", unsafe.Offsetof(SRegs{}.TR), unsafe.Sizeof(SRegs{})},
	{"kvm_sregs gdt", unsafe.Offsetof(SRegs{}.GDT), unsafe.Sizeof(SRegs{})},
	{"kvm_sregs cr0", unsafe.Offsetof(SRegs{}.CR0), unsafe.Sizeof(SRegs{})},
	{"kvm_sregs efer", unsafe.Offsetof(SRegs{}.EFER), unsafe.Sizeof(SRegs{})},
	{"kvm_sregs interrupt_bitmap", unsafe.Offsetof(SRegs{}.InterruptBitmap), unsafe.Sizeof(SRegs{})},
	{"kvm_fpu last_dp", unsafe.Offsetof(FPU{}.LastDP), unsafe.Sizeof(FPU{})},
	{"kvm_fpu mxcsr", unsafe.Offsetof(FPU{}.MXCSR), unsafe.Sizeof(FPU{})},
	{"kvm_xcr value", unsafe.Offsetof(XCR{}.Value), unsafe.Sizeof(XCR{})},
	{"kvm_xcrs xcrs", unsafe.Offsetof(XCRS{}.XCRs), unsafe.Sizeof(XCRS{})},
	{"kvm_debugregs flags", unsafe.Offsetof(DebugRegs{}.Flags), unsafe.Sizeof(DebugRegs{})},
	{"kvm_msr_entry data", unsafe.Offsetof(MSREntry{}.Data), unsafe.Sizeof(MSREntry{})},
	{"kvm_cpuid_entry2 eax", unsafe.Offsetof(CPUIDEntry{}.EAX), unsafe.Sizeof(CPUIDEntry{})},
	{"kvm_vcpu_events interrupt", unsafe.Offsetof(VCPUEvents{}.Interrupt), unsafe.Sizeof(VCPUEvents{})},
	{"kvm_vcpu_events nmi", unsafe.Offsetof(VCPUEvents{}.NMI), unsafe.Sizeof(VCPUEvents{})},
	{"kvm_vcpu_events sipi_vector", unsafe.Offsetof(VCPUEvents{}.SIPIVector), unsafe.Sizeof(VCPUEvents{})},
	{"kvm_vcpu_events smi", unsafe.Offsetof(VCPUEvents{}.SMI), unsafe.Sizeof(VCPUEvents{})},
	{"kvm_vcpu_events exception_payload", unsafe.Offsetof(VCPUEvents{}.ExceptionPayload), unsafe.Sizeof(VCPUEvents{})},
	{"kvm_translation valid", unsafe.Offsetof(Translation{}.Valid), unsafe.Sizeof(Translation{})},
	{"kvm_irqchip chip", unsafe.Offsetof(IRQChip{}.State), unsafe.Sizeof(IRQChip{})},
	{"kvm_pit_channel_state count_load_time", unsafe.Offsetof(PITChannel{}.CountLoadTime), unsafe.Sizeof(PITChannel{})},
	{"kvm_pit_state2 flags", unsafe.Offsetof(PITState{}.Flags), unsafe.Sizeof(PITState{})},
	{"kvm_clock_data realtime", unsafe.Offsetof(ClockData{}.Realtime), unsafe.Sizeof(ClockData{})},
	{"kvm_msi devid", unsafe.Offsetof(MSI{}.DeviceID), unsafe.Sizeof(MSI{})},
	{"kvm_userspace_memory_region memory_size", unsafe.Offsetof(userspaceMemoryRegion{}.size), unsafe.Sizeof(userspaceMemoryRegion{})},
	{"kvm_irqfd resamplefd", unsafe.Offsetof(irqfd{}.resampleFD), unsafe.Sizeof(irqfd{})},
	{"kvm_ioeventfd flags", unsafe.Offsetof(ioeventfd{}.flags), unsafe.Sizeof(ioeventfd{})},
	{"kvm_enable_cap args", unsafe.Offsetof(enableCap{}.args), unsafe.Sizeof(enableCap{})},
	{"kvm_device_attr addr", unsafe.Offsetof(deviceAttr{}.addr), unsafe.Sizeof(deviceAttr{})},
	{"kvm_irq_routing_entry u", unsafe.Offsetof(routingEntry{}.u), unsafe.Sizeof(routingEntry{})},
	{"kvm_clear_dirty_log first_page", unsafe.Offsetof(clearDirtyLog{}.firstPage), unsafe.Sizeof(clearDirtyLog{})},
	{"kvm_run immediate_exit", runImmediateExit, 0},
	{"kvm_run exit_reason", runExitReason, 0},
	{"kvm_run io", runUnion, 0},
	{"kvm_run mmio.data", runUnion + 8, 0},
	{"kvm_run mmio.is_write", runUnion + 20, 0},
	{"kvm_run io.data_offset", runUnion + 8, 0},
}

// The header of this host's C library is asked, so that a wrong table above
// cannot agree with itself.
func TestLayoutsAreThoseOfTheHeader(t *testing.T) {
	hosttest.Need(t, "gcc", "gcc and linux-libc-dev")
	var c strings.Builder
	c.WriteString("#include <stddef.h>\n#include <stdio.h>\n#include <linux/kvm.h>\nint main(void) {\n")
	for _, o := range offsets {
		name, field, _ := strings.Cut(o.c, " ")
		fmt.Fprintf(&c, "printf(\"%%zu %%zu\\n\", offsetof(struct %s, %s), sizeof(struct %s));\n", name, field, name)
	}
	for _, s := range sizes {
		fmt.Fprintf(&c, "printf(\"%%lu 0\\n\", (unsigned long)%s);\n", s.name)
	}
	c.WriteString("return 0; }\n")
	dir := t.TempDir()
	source, program := filepath.Join(dir, "layout.c"), filepath.Join(dir, "layout")
	if err := os.WriteFile(source, []byte(c.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("gcc", "-o", program, source).CombinedOutput(); err != nil {
		t.Fatalf("gcc: %v\n%s", err, out)
	}
	out, err := exec.Command(program).Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) != len(offsets)+len(sizes) {
		t.Fatalf("%d lines, want %d", len(lines), len(offsets)+len(sizes))
	}
	for i, o := range offsets {
		var at, size uintptr
		if _, err := fmt.Sscan(lines[i], &at, &size); err != nil {
			t.Fatal(err)
		}
		if at != o.at || o.size != 0 && size != o.size {
			t.Errorf("%s: at %d of %d bytes here, at %d of %d in C", o.c, o.at, o.size, at, size)
		}
	}
	for i, s := range sizes {
		var nr uint64
		if _, err := fmt.Sscan(lines[len(offsets)+i], &nr); err != nil {
			t.Fatal(err)
		}
		if uint64(s.nr) != nr {
			t.Errorf("%s: %#x here, %#x in C", s.name, uint64(s.nr), nr)
		}
	}
}
