package kvm

import "fmt"

// Cap is an extension that a KVM may have (KVM_CHECK_EXTENSION, section 4.4).
type Cap uint32

// The extensions that Hull looks at, by their names in the kernel's header.
const (
	CapIRQChip                Cap = 0
	CapHLT                    Cap = 1
	CapUserMemory             Cap = 3
	CapSetTSSAddr             Cap = 4
	CapExtCPUID               Cap = 7
	CapNrVCPUs                Cap = 9
	CapNrMemslots             Cap = 10
	CapMPState                Cap = 14
	CapIRQRouting             Cap = 25
	CapIRQFD                  Cap = 32
	CapPIT2                   Cap = 33
	CapPITState2              Cap = 35
	CapIOEventFD              Cap = 36
	CapSetIdentityMapAddr     Cap = 37
	CapAdjustClock            Cap = 39
	CapVCPUEvents             Cap = 41
	CapDebugRegs              Cap = 50
	CapXSave                  Cap = 55
	CapXCRS                   Cap = 56
	CapTSCControl             Cap = 60
	CapGetTSCKHz              Cap = 61
	CapMaxVCPUs               Cap = 66
	CapTSCDeadlineTimer       Cap = 72
	CapKVMClockCtrl           Cap = 76
	CapSignalMSI              Cap = 77
	CapIRQFDResample          Cap = 82
	CapReadOnlyMem            Cap = 81
	CapMaxVCPUID              Cap = 128
	CapX2APICAPI              Cap = 129
	CapImmediateExit          Cap = 136
	CapManualDirtyLogProtect2 Cap = 168
	CapExceptionPayload       Cap = 164
	CapX86UserSpaceMSR        Cap = 188
	CapSRegs2                 Cap = 200
	CapXSave2                 Cap = 208
)

var capNames = map[Cap]string{
	CapIRQChip: "KVM_CAP_IRQCHIP", CapHLT: "KVM_CAP_HLT", CapUserMemory: "KVM_CAP_USER_MEMORY",
	CapSetTSSAddr: "KVM_CAP_SET_TSS_ADDR", CapExtCPUID: "KVM_CAP_EXT_CPUID", CapNrVCPUs: "KVM_CAP_NR_VCPUS",
	CapNrMemslots: "KVM_CAP_NR_MEMSLOTS", CapMPState: "KVM_CAP_MP_STATE", CapIRQRouting: "KVM_CAP_IRQ_ROUTING",
	CapIRQFD: "KVM_CAP_IRQFD", CapPIT2: "KVM_CAP_PIT2", CapPITState2: "KVM_CAP_PIT_STATE2",
	CapIOEventFD: "KVM_CAP_IOEVENTFD", CapSetIdentityMapAddr: "KVM_CAP_SET_IDENTITY_MAP_ADDR",
	CapAdjustClock: "KVM_CAP_ADJUST_CLOCK", CapVCPUEvents: "KVM_CAP_VCPU_EVENTS", CapDebugRegs: "KVM_CAP_DEBUGREGS",
	CapXSave: "KVM_CAP_XSAVE", CapXCRS: "KVM_CAP_XCRS", CapTSCControl: "KVM_CAP_TSC_CONTROL",
	CapGetTSCKHz: "KVM_CAP_GET_TSC_KHZ", CapMaxVCPUs: "KVM_CAP_MAX_VCPUS", CapTSCDeadlineTimer: "KVM_CAP_TSC_DEADLINE_TIMER",
	CapKVMClockCtrl: "KVM_CAP_KVMCLOCK_CTRL", CapSignalMSI: "KVM_CAP_SIGNAL_MSI",
	CapIRQFDResample: "KVM_CAP_IRQFD_RESAMPLE", CapReadOnlyMem: "KVM_CAP_READONLY_MEM", CapMaxVCPUID: "KVM_CAP_MAX_VCPU_ID",
	CapX2APICAPI: "KVM_CAP_X2APIC_API", CapImmediateExit: "KVM_CAP_IMMEDIATE_EXIT",
	CapManualDirtyLogProtect2: "KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2", CapX86UserSpaceMSR: "KVM_CAP_X86_USER_SPACE_MSR",
	CapXSave2: "KVM_CAP_XSAVE2", CapExceptionPayload: "KVM_CAP_EXCEPTION_PAYLOAD", CapSRegs2: "KVM_CAP_SREGS2",
}

func (c Cap) String() string {
	if name, ok := capNames[c]; ok {
		return name
	}
	return fmt.Sprintf("KVM_CAP %d", uint32(c))
}

// Required lists the extensions that every machine of Hull's needs.
func Required() []Cap {
	return []Cap{
		CapIRQChip, CapHLT, CapUserMemory, CapSetTSSAddr, CapExtCPUID, CapMPState, CapIRQRouting, CapIRQFD,
		CapPIT2, CapIOEventFD, CapSetIdentityMapAddr, CapVCPUEvents, CapImmediateExit,
	}
}
