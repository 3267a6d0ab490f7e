package vmm

import "fmt"

// Reason says why a machine ended.
type Reason int

const (
	// PowerOff: the guest turned itself off (ACPI S5).
	PowerOff Reason = iota + 1
	// Reset: the guest asked to be reset (ACPI reset register or i8042).
	Reset
	// GuestPanic: the guest's kernel said that it crashed (pvpanic).
	GuestPanic
	// TripleFault: a vCPU met a fault it could not deliver (KVM_EXIT_SHUTDOWN).
	TripleFault
	// Killed: the monitor's user ended the machine.
	Killed
	// InternalError: KVM or the monitor could not go on.
	InternalError
)

var reasonNames = [...]string{
	PowerOff:      "power-off",
	Reset:         "reset",
	GuestPanic:    "guest panic",
	TripleFault:   "triple fault",
	Killed:        "kill",
	InternalError: "internal error",
}

func (r Reason) String() string {
	if r < PowerOff || int(r) >= len(reasonNames) {
		return fmt.Sprintf("reason %d", int(r))
	}
	return reasonNames[r]
}

// Exit is how a machine ended.
type Exit struct {
	Reason Reason

	// Status is what the guest's agent reported of its main process before the
	// machine ended; nil where nothing was reported.
	Status *GuestStatus

	// Err is the cause of an InternalError, nil otherwise.
	Err error
}

func (e Exit) String() string {
	s := e.Reason.String()
	if e.Status != nil {
		s += " (" + e.Status.String() + ")"
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// GuestStatus is the end of the guest's main process, as its agent reported it.
// It is the guest's word and proves nothing.
type GuestStatus struct {
	Code   int // exit code, 0 to 255; 0 where Signal is set
	Signal int // number of the signal that ended the process, or 0
}

func (s GuestStatus) String() string {
	if s.Signal != 0 {
		return fmt.Sprintf("init ended by signal %d", s.Signal)
	}
	return fmt.Sprintf("init exit status %d", s.Code)
}

// statusSignal is the bit of the agent's status register that says that the low
// bits are a signal's number rather than an exit code.
const statusSignal = 1 << 31

// parseGuestStatus reads the agent's status register.
func parseGuestStatus(v uint32) GuestStatus {
	if v&statusSignal != 0 {
		return GuestStatus{Signal: int(v & 0x7f)}
	}
	return GuestStatus{Code: int(v & 0xff)}
}
