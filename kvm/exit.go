package kvm

import (
	"encoding/binary"
	"fmt"
	"strings"
	"sync/atomic"
)

// Offsets of struct kvm_run.
const (
	runImmediateExit = 1
	runExitReason    = 8
	runUnion         = 32
	runMinSize       = 32 + 256 // fixed part and the padded union
)

// ExitReason is why Run returned.
type ExitReason uint32

// The exits that an x86 machine can make, by the kernel's names.
const (
	ExitUnknown       ExitReason = 0
	ExitException     ExitReason = 1
	ExitIO            ExitReason = 2
	ExitHypercall     ExitReason = 3
	ExitDebug         ExitReason = 4
	ExitHLT           ExitReason = 5
	ExitMMIO          ExitReason = 6
	ExitIRQWindowOpen ExitReason = 7
	ExitShutdown      ExitReason = 8
	ExitFailEntry     ExitReason = 9
	ExitIntr          ExitReason = 10
	ExitSetTPR        ExitReason = 11
	ExitTPRAccess     ExitReason = 12
	ExitNMI           ExitReason = 16
	ExitInternalError ExitReason = 17
	ExitSystemEvent   ExitReason = 24
	ExitIOAPICEOI     ExitReason = 26
	ExitHyperV        ExitReason = 27
	ExitX86RDMSR      ExitReason = 29
	ExitX86WRMSR      ExitReason = 30
	ExitDirtyRingFull ExitReason = 31
	ExitX86BusLock    ExitReason = 33
	ExitXen           ExitReason = 34
	ExitNotify        ExitReason = 37
	ExitMemoryFault   ExitReason = 39
)

var exitNames = map[ExitReason]string{
	ExitUnknown: "UNKNOWN", ExitException: "EXCEPTION", ExitIO: "IO", ExitHypercall: "HYPERCALL", ExitDebug: "DEBUG",
	ExitHLT: "HLT", ExitMMIO: "MMIO", ExitIRQWindowOpen: "IRQ_WINDOW_OPEN", ExitShutdown: "SHUTDOWN",
	ExitFailEntry: "FAIL_ENTRY", ExitIntr: "INTR", ExitSetTPR: "SET_TPR", ExitTPRAccess: "TPR_ACCESS", ExitNMI: "NMI",
	ExitInternalError: "INTERNAL_ERROR", ExitSystemEvent: "SYSTEM_EVENT", ExitIOAPICEOI: "IOAPIC_EOI",
	ExitHyperV: "HYPERV", ExitX86RDMSR: "X86_RDMSR", ExitX86WRMSR: "X86_WRMSR", ExitDirtyRingFull: "DIRTY_RING_FULL",
	ExitX86BusLock: "X86_BUS_LOCK", ExitXen: "XEN", ExitNotify: "NOTIFY", ExitMemoryFault: "MEMORY_FAULT",
}

func (r ExitReason) String() string {
	if name, ok := exitNames[r]; ok {
		return name
	}
	return fmt.Sprintf("%d", uint32(r))
}

// SetImmediateExit makes the next Run, or the one about to enter, return
// unix.EINTR at once (section 5, immediate_exit).
func (v *VCPU) SetImmediateExit(on bool) {
	// The flag shares its word with request_interrupt_window and padding that
	// nobody writes while a machine has in-kernel interrupt controllers.
	var word uint32
	if on {
		word = 1 << (8 * runImmediateExit)
	}
	atomic.StoreUint32(at[uint32](v.run, 0), word)
}

// ExitReason is why Run last returned without an error.
func (v *VCPU) ExitReason() ExitReason { return ExitReason(*at[uint32](v.run, runExitReason)) }

// PortIO is an access to an I/O port: Count accesses of Size bytes, one after the
// other.
type PortIO struct {
	Port  uint16
	Size  int // bytes: 1, 2 or 4
	Count int
	Out   bool
	Data  []byte // Size*Count bytes of the run page; what is read goes here
}

// IO is the access of an ExitIO. What does not fit the run page has a Count of
// 0; KVM never says so.
func (v *VCPU) IO() PortIO {
	u := v.run[runUnion:]
	io := PortIO{
		Out:   u[0] == 1,
		Size:  int(u[1]),
		Port:  binary.LittleEndian.Uint16(u[2:]),
		Count: int(binary.LittleEndian.Uint32(u[4:])),
	}
	offset := binary.LittleEndian.Uint64(u[8:])
	n := uint64(io.Size) * uint64(io.Count)
	if offset > uint64(len(v.run)) || n > uint64(len(v.run))-offset {
		io.Count = 0
		return io
	}
	io.Data = v.run[offset : offset+n]
	return io
}

// MMIOAccess is an access to guest-physical memory that is no RAM.
type MMIOAccess struct {
	Addr  uint64
	Write bool
	Data  []byte // of the run page; what is read goes here
}

// MMIO is the access of an ExitMMIO.
func (v *VCPU) MMIO() MMIOAccess {
	u := v.run[runUnion:]
	n := min(binary.LittleEndian.Uint32(u[16:]), 8)
	return MMIOAccess{Addr: binary.LittleEndian.Uint64(u), Write: u[20] != 0, Data: u[8 : 8+n]}
}

// SystemEvent is what an ExitSystemEvent says.
type SystemEvent struct {
	Type SystemEventType
}

// SystemEventType is the kind of a SystemEvent.
type SystemEventType uint32

// The kinds of SystemEvent.
const (
	SystemEventShutdown SystemEventType = 1
	SystemEventReset    SystemEventType = 2
	SystemEventCrash    SystemEventType = 3
)

// SystemEvent is the event of an ExitSystemEvent.
func (v *VCPU) SystemEvent() SystemEvent {
	return SystemEvent{Type: SystemEventType(binary.LittleEndian.Uint32(v.run[runUnion:]))}
}

// Suberrors of an ExitInternalError.
var internalErrors = map[uint32]string{
	1: "emulation failed",
	2: "simultaneous exceptions",
	3: "unexpected exit while delivering an event",
	4: "unexpected exit reason",
}

// ExitDetail says in words what KVM tells of an exit that no machine goes on
// from.
func (v *VCPU) ExitDetail() string {
	u := v.run[runUnion:]
	le := binary.LittleEndian
	switch v.ExitReason() {
	case ExitInternalError:
		code := le.Uint32(u)
		name, ok := internalErrors[code]
		if !ok {
			name = "unknown"
		}
		var b strings.Builder
		fmt.Fprintf(&b, "suberror %d (%s)", code, name)
		for i := range min(le.Uint32(u[4:]), 16) {
			fmt.Fprintf(&b, " %#x", le.Uint64(u[8+8*i:]))
		}
		return b.String()
	case ExitFailEntry:
		return fmt.Sprintf("hardware reason %#x on CPU %d", le.Uint64(u), le.Uint32(u[8:]))
	case ExitUnknown:
		return fmt.Sprintf("hardware reason %#x", le.Uint64(u))
	case ExitMemoryFault:
		return fmt.Sprintf("flags %#x, %d bytes at %#x", le.Uint64(u), le.Uint64(u[16:]), le.Uint64(u[8:]))
	default:
		return "no further detail"
	}
}
