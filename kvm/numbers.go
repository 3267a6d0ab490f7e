package kvm

// Numbers are the calls by name, for filters of system calls.
func Numbers() map[string]uint32 {
	m := make(map[string]uint32)
	for name, nr := range map[string]ioctl{
		"KVM_GET_API_VERSION":        ioGetAPIVersion,
		"KVM_CREATE_VM":              ioCreateVM,
		"KVM_CHECK_EXTENSION":        ioCheckExtension,
		"KVM_GET_VCPU_MMAP_SIZE":     ioGetVCPUMmapSize,
		"KVM_GET_SUPPORTED_CPUID":    ioGetSupportedCPU,
		"KVM_CREATE_VCPU":            ioCreateVCPU,
		"KVM_SET_USER_MEMORY_REGION": ioSetUserMemory,
		"KVM_SET_TSS_ADDR":           ioSetTSSAddr,
		"KVM_SET_IDENTITY_MAP_ADDR":  ioSetIdentityMap,
		"KVM_CREATE_IRQCHIP":         ioCreateIRQChip,
		"KVM_CREATE_PIT2":            ioCreatePIT2,
		"KVM_IRQ_LINE":               ioIRQLine,
		"KVM_SET_GSI_ROUTING":        ioSetGSIRouting,
		"KVM_IRQFD":                  ioIRQFD,
		"KVM_IOEVENTFD":              ioIOEventFD,
		"KVM_RUN":                    ioRun,
		"KVM_GET_REGS":               ioGetRegs,
		"KVM_SET_REGS":               ioSetRegs,
		"KVM_GET_SREGS":              ioGetSRegs,
		"KVM_SET_SREGS":              ioSetSRegs,
		"KVM_SET_MSRS":               ioSetMSRs,
		"KVM_SET_CPUID2":             ioSetCPUID2,
		"KVM_KVMCLOCK_CTRL":          ioKVMClockCtrl,
	} {
		m[name] = uint32(nr)
	}
	return m
}
