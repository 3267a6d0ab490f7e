package kvm

// Structures of include/uapi/linux/kvm.h and arch/x86/include/uapi/asm/kvm.h,
// with the padding the C compiler puts in written out. A test compares their
// sizes with those in the ioctl numbers, and their offsets with the header's.

// Regs is struct kvm_regs: the general registers.
type Regs struct {
	RAX, RBX, RCX, RDX uint64
	RSI, RDI, RSP, RBP uint64
	R8, R9, R10, R11   uint64
	R12, R13, R14, R15 uint64
	RIP, RFLAGS        uint64
}

// Segment is struct kvm_segment.
type Segment struct {
	Base     uint64
	Limit    uint32
	Selector uint16
	Type     uint8
	Present  uint8
	DPL      uint8
	DB       uint8
	S        uint8
	L        uint8
	G        uint8
	AVL      uint8
	Unusable uint8
	_        uint8
}

// DTable is struct kvm_dtable: GDTR or IDTR.
type DTable struct {
	Base  uint64
	Limit uint16
	_     [3]uint16
}

// SRegs is struct kvm_sregs: segments, control registers, and the interrupt that
// is to be injected.
type SRegs struct {
	CS, DS, ES, FS, GS, SS  Segment
	TR, LDT                 Segment
	GDT, IDT                DTable
	CR0, CR2, CR3, CR4, CR8 uint64
	EFER                    uint64
	APICBase                uint64
	InterruptBitmap         [4]uint64
}

// SRegs2 is struct kvm_sregs2: SRegs without the interrupt, and with the page
// directory pointers of PAE, which a processor reads when CR3 is written.
type SRegs2 struct {
	CS, DS, ES, FS, GS, SS  Segment
	TR, LDT                 Segment
	GDT, IDT                DTable
	CR0, CR2, CR3, CR4, CR8 uint64
	EFER                    uint64
	APICBase                uint64
	Flags                   uint64
	PDPTRs                  [4]uint64
}

// FPU is struct kvm_fpu.
type FPU struct {
	FPR    [8][16]uint8
	FCW    uint16
	FSW    uint16
	FTWX   uint8
	_      uint8
	LastOp uint16
	LastIP uint64
	LastDP uint64
	XMM    [16][16]uint8
	MXCSR  uint32
	_      uint32
}

// XSave is struct kvm_xsave: the layout of XSAVE's area. It has no room for
// states that are enabled by request, such as AMX.
type XSave struct {
	Region [1024]uint32
}

// XCR is struct kvm_xcr: an extended control register.
type XCR struct {
	XCR   uint32
	_     uint32
	Value uint64
}

// XCRS is struct kvm_xcrs.
type XCRS struct {
	Count uint32
	Flags uint32
	XCRs  [16]XCR
	_     [16]uint64
}

// DebugRegs is struct kvm_debugregs.
type DebugRegs struct {
	DB    [4]uint64
	DR6   uint64
	DR7   uint64
	Flags uint64
	_     [9]uint64
}

// LAPIC is struct kvm_lapic_state: the local APIC's registers by their offsets.
type LAPIC struct {
	Regs [1024]uint8
}

// MSREntry is struct kvm_msr_entry.
type MSREntry struct {
	Index uint32
	_     uint32
	Data  uint64
}

// CPUIDEntry is struct kvm_cpuid_entry2: what CPUID answers for one leaf.
type CPUIDEntry struct {
	Function           uint32
	Index              uint32
	Flags              uint32
	EAX, EBX, ECX, EDX uint32
	_                  [3]uint32
}

// CPUIDSignificantIndex marks an entry whose Index counts
// (KVM_CPUID_FLAG_SIGNIFCANT_INDEX).
const CPUIDSignificantIndex = 1

// MPState is struct kvm_mp_state.
type MPState struct {
	State uint32
}

// The states of a vCPU as a processor among others.
const (
	MPRunnable      = 0
	MPUninitialized = 1
	MPInitReceived  = 2
	MPHalted        = 3
	MPSIPIReceived  = 4
)

// VCPUEvents is struct kvm_vcpu_events: exceptions, interrupts and NMIs that are
// pending or being delivered.
type VCPUEvents struct {
	Exception struct {
		Injected     uint8
		Nr           uint8
		HasErrorCode uint8
		Pending      uint8
		ErrorCode    uint32
	}
	Interrupt struct {
		Injected uint8
		Nr       uint8
		Soft     uint8
		Shadow   uint8
	}
	NMI struct {
		Injected uint8
		Pending  uint8
		Masked   uint8
		_        uint8
	}
	SIPIVector uint32
	Flags      uint32
	SMI        struct {
		SMM          uint8
		Pending      uint8
		SMMInsideNMI uint8
		LatchedInit  uint8
	}
	TripleFault         struct{ Pending uint8 }
	_                   [26]uint8
	ExceptionHasPayload uint8
	ExceptionPayload    uint64
}

// Translation is struct kvm_translation.
type Translation struct {
	LinearAddress   uint64
	PhysicalAddress uint64
	Valid           uint8
	Writeable       uint8
	UserMode        uint8
	_               [5]uint8
}

// GuestDebug is struct kvm_guest_debug.
type GuestDebug struct {
	Control  uint32
	_        uint32
	DebugReg [8]uint64
}

// Bits of GuestDebug.Control.
const (
	GuestDebugEnable     = 1 << 0
	GuestDebugSingleStep = 1 << 1
	GuestDebugUseHW      = 1 << 17
)

// IRQChip is struct kvm_irqchip: the state of one interrupt controller, in its
// own layout (struct kvm_pic_state or kvm_ioapic_state).
type IRQChip struct {
	ID    uint32
	_     uint32
	State [512]uint8
}

// The interrupt controllers of an IRQChip.
const (
	PICMaster = 0
	PICSlave  = 1
	IOAPIC    = 2
)

// PITChannel is struct kvm_pit_channel_state.
type PITChannel struct {
	Count         uint32
	LatchedCount  uint16
	CountLatched  uint8
	StatusLatched uint8
	Status        uint8
	ReadState     uint8
	WriteState    uint8
	WriteLatch    uint8
	RWMode        uint8
	Mode          uint8
	BCD           uint8
	Gate          uint8
	CountLoadTime int64
}

// PITState is struct kvm_pit_state2.
type PITState struct {
	Channels [3]PITChannel
	Flags    uint32
	_        [9]uint32
}

// ClockData is struct kvm_clock_data: kvm-clock's time in nanoseconds, and the
// host's at the same moment where Flags say so.
type ClockData struct {
	Clock    uint64
	Flags    uint32
	_        uint32
	Realtime uint64
	HostTSC  uint64
	_        [4]uint32
}

// Bits of ClockData.Flags.
const (
	ClockTSCStable = 1 << 1
	ClockRealtime  = 1 << 2
	ClockHostTSC   = 1 << 3
)

// MSI is struct kvm_msi: a message-signalled interrupt.
type MSI struct {
	AddressLow  uint32
	AddressHigh uint32
	Data        uint32
	Flags       uint32
	DeviceID    uint32
	_           [12]uint8
}

type userspaceMemoryRegion struct {
	slot          uint32
	flags         uint32
	guestPhysAddr uint64
	size          uint64
	userspaceAddr uint64
}

type dirtyLog struct {
	slot   uint32
	_      uint32
	bitmap uintptr
}

type clearDirtyLog struct {
	slot      uint32
	numPages  uint32
	firstPage uint64
	bitmap    uintptr
}

type irqLevel struct {
	irq   uint32
	level uint32
}

type irqfd struct {
	fd         uint32
	gsi        uint32
	flags      uint32
	resampleFD uint32
	_          [16]uint8
}

type ioeventfd struct {
	datamatch uint64
	addr      uint64
	len       uint32
	fd        int32
	flags     uint32
	_         [36]uint8
}

type pitConfig struct {
	flags uint32
	_     [15]uint32
}

type interrupt struct {
	irq uint32
}

type enableCap struct {
	cap  uint32
	_    uint32
	args [4]uint64
	_    [64]uint8
}

type deviceAttr struct {
	_     uint32
	group uint32
	attr  uint64
	addr  uintptr
}

type msrsHeader struct {
	nmsrs uint32
	_     uint32
}

type cpuidHeader struct {
	nent uint32
	_    uint32
}

type msrListHeader struct {
	nmsrs uint32
}

type routingHeader struct {
	nr uint32
	_  uint32
}

// routingEntry is struct kvm_irq_routing_entry. Its union is of 32 bytes.
type routingEntry struct {
	gsi  uint32
	kind uint32
	_    uint32
	_    uint32
	u    [8]uint32
}
