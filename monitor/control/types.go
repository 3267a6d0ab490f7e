package control

import "time"

// Version is that of the protocol. Both ends have to speak it.
const Version = 1

// Hello is what a monitor says of itself.
type Hello struct {
	Version int `json:"version"` // of the protocol
	PID     int `json:"pid"`     // as the monitor sees it: 1 in a namespace of its own

	// Has is what holds the process, and Missing what does not, and why.
	Has     []string `json:"has"`
	Missing []string `json:"missing"`
}

// State is where a machine stands.
type State string

// The states. A machine is born ready, and exits once.
const (
	Ready   State = "ready"
	Running State = "running"
	Paused  State = "paused"
	Exited  State = "exited"
)

// Status is how a machine is.
type Status struct {
	State    State  `json:"state"`
	Timeline []Mark `json:"timeline"`

	// Threads are the vCPUs' threads, as numbered in the monitor's own process
	// namespace; 0 for one that does not run. On the host they are called vcpu0
	// and so on.
	Threads []int `json:"vcpu_threads"`

	// Writing is how far the memory is that is being written down; nil while none is.
	Writing *Progress `json:"writing,omitempty"`
}

// Progress is how many bytes of how many are dealt with.
type Progress struct {
	Done  int64 `json:"done"`
	Total int64 `json:"total"`
}

// Mark is a moment in a machine's life.
type Mark struct {
	Name string        `json:"name"`
	At   time.Duration `json:"nanoseconds"` // since the monitor's start
}

// Exit is how a machine ended.
type Exit struct {
	Reason string       `json:"reason"` // power-off, reset, guest panic, triple fault, kill, internal error
	Status *GuestStatus `json:"status,omitempty"`
	Error  string       `json:"error,omitempty"` // why it is an internal error, or what went wrong in the end
}

// GuestStatus is how the guest's main process ended, by the guest's own word.
type GuestStatus struct {
	Code   int `json:"code"`
	Signal int `json:"signal"` // or 0
}

// Balloon is how much memory the guest gives up, in bytes.
type Balloon struct {
	Target uint64 `json:"target"`
	Actual uint64 `json:"actual"`
}

// DiskLimits are those of one disk. 0 is no limit, and as a burst the device's
// choice.
type DiskLimits struct {
	Name       string `json:"name"`
	Ops        uint64 `json:"operations_per_second"`
	OpsBurst   uint64 `json:"operations_burst"`
	Bytes      uint64 `json:"bytes_per_second"`
	BytesBurst uint64 `json:"bytes_burst"`
}

// DiskSize says how large a disk is to be.
type DiskSize struct {
	Name string `json:"name"`

	// Bytes is its new size. 0 is that of the file, where its owner has changed
	// it; a qcow2 image has none.
	Bytes int64 `json:"bytes"`
}

// Link says whether a network device's cable is plugged in.
type Link struct {
	Name string `json:"name"`
	Up   bool   `json:"up"`
}

// ConsoleSize is how large the terminal is, in characters.
type ConsoleSize struct {
	Rows uint16 `json:"rows"`
	Cols uint16 `json:"cols"`
}

// Device is one device of the PCI bus.
type Device struct {
	Name     string            `json:"name"` // in the machine's description
	Kind     string            `json:"kind"`
	Address  string            `json:"address"` // bus:slot.function
	Counters map[string]uint64 `json:"counters,omitempty"`
}

// Memory is the guest's RAM, in bytes.
type Memory struct {
	Size     uint64 `json:"size"`
	Resident uint64 `json:"resident"` // that the host holds for it now
}
