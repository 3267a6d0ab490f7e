package vmm

import (
	"fmt"
	"log/slog"

	"github.com/hullvm/hull/devices"
	"github.com/hullvm/hull/kvm"
)

// exitHandler answers the exits that KVM leaves to the monitor. It is shared by
// all vCPUs and holds no lock: the buses route, the devices lock.
type exitHandler struct {
	ports *devices.Bus
	mmio  *devices.Bus
	end   func(Exit)
	log   *slog.Logger
}

// handle answers the exit that v has just made, on v's thread. It reports
// whether v can enter the guest again.
func (h *exitHandler) handle(v *vcpu) bool {
	switch reason := v.fd.ExitReason(); reason {
	case kvm.ExitIO:
		io := v.fd.IO()
		for i := range io.Count {
			p := io.Data[i*io.Size : (i+1)*io.Size]
			if io.Out {
				h.ports.Write(uint64(io.Port), p)
			} else {
				h.ports.Read(uint64(io.Port), p)
			}
		}
		return true
	case kvm.ExitMMIO:
		m := v.fd.MMIO()
		if m.Write {
			h.mmio.Write(m.Addr, m.Data)
		} else {
			h.mmio.Read(m.Addr, m.Data)
		}
		return true
	case kvm.ExitIntr, kvm.ExitIRQWindowOpen:
		return true
	case kvm.ExitHLT:
		// The in-kernel LAPIC halts vCPUs by itself; this one was asked for by
		// nobody, and entering again is what hardware would do.
		return true
	case kvm.ExitShutdown:
		h.end(Exit{Reason: TripleFault})
		return false
	case kvm.ExitSystemEvent:
		return h.systemEvent(v)
	default:
		h.fail(v, fmt.Errorf("KVM exit %v: %s", reason, v.fd.ExitDetail()))
		return false
	}
}

func (h *exitHandler) systemEvent(v *vcpu) bool {
	switch event := v.fd.SystemEvent(); event.Type {
	case kvm.SystemEventShutdown:
		h.end(Exit{Reason: PowerOff})
	case kvm.SystemEventReset:
		h.end(Exit{Reason: Reset})
	case kvm.SystemEventCrash:
		h.end(Exit{Reason: GuestPanic})
	default:
		h.fail(v, fmt.Errorf("KVM system event %d is unknown", event.Type))
	}
	return false
}

// fail ends the machine because v cannot go on, and logs where the guest stood.
func (h *exitHandler) fail(v *vcpu, cause error) {
	err := fmt.Errorf("vCPU %d: run: %w", v.index, cause)
	h.log.Error("vCPU cannot go on", "vcpu", v.index, "cause", cause, "registers", registerDump(v.fd))
	h.end(Exit{Reason: InternalError, Err: err})
}

// registerDump renders the registers that say where a vCPU stood.
func registerDump(fd *kvm.VCPU) string {
	regs, err := fd.Regs()
	if err != nil {
		return err.Error()
	}
	sregs, err := fd.SRegs()
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("rip=%#x rflags=%#x rsp=%#x rax=%#x rbx=%#x rcx=%#x rdx=%#x cs=%#x cr0=%#x cr2=%#x cr3=%#x cr4=%#x efer=%#x",
		regs.RIP, regs.RFLAGS, regs.RSP, regs.RAX, regs.RBX, regs.RCX, regs.RDX,
		sregs.CS.Selector, sregs.CR0, sregs.CR2, sregs.CR3, sregs.CR4, sregs.EFER)
}
