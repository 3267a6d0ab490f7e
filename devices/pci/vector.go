package pci

// Message is what an interrupt's write carries, section 6.1.4.
type Message struct {
	Addr uint64
	Data uint32
}

// Vector is one MSI-X vector as the monitor backs it: an eventfd that the
// hypervisor turns into a message. Raise, FD and Pending may be called from any
// goroutine, at any time, after Close as well; the others are called one at a
// time, and not after Close. None calls back into the function.
//
// A vector starts masked. While it is, what is raised is kept, and delivered by
// Unmask.
type Vector interface {
	Raise()
	FD() int // written to raise; -1 for none
	Set(Message) error
	Mask() error
	Unmask() error
	Pending() bool // raised while masked
	Close() error
}

// VectorMaker makes a masked vector. name appears in errors and logs.
type VectorMaker func(name string) (Vector, error)
