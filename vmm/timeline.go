package vmm

import (
	"fmt"
	"sync"
	"time"
)

// Mark is a moment in a machine's start.
type Mark struct {
	Name string
	At   time.Duration // since Config.Started
}

// Boot marks that a guest writes to the debug port (devices/debugport).
const (
	markKernelDone byte = 0x41 // the agent's first act: the kernel has done its part
	markAgentReady byte = 0x42 // the agent is about to start the main process
)

// Names of the marks of a [Machine.Timeline], in the order they usually come.
const (
	MarkBuilt      = "built" // the machine stands; nothing ran yet
	MarkRun        = "run"   // just before the first entry of the guest
	MarkKernelDone = "init"  // the guest's first process runs
	MarkAgentReady = "agent" // the agent is about to start the main process
	MarkEnd        = "end"   // the machine's reason to end came
)

// timeline collects marks from any goroutine.
type timeline struct {
	start time.Time

	mu    sync.Mutex
	marks []Mark
}

// bootMark takes a byte that the guest wrote to the debug port.
func (m *Machine) bootMark(value byte) {
	name := fmt.Sprintf("mark %#02x", value)
	switch value {
	case markKernelDone:
		name = MarkKernelDone
	case markAgentReady:
		name = MarkAgentReady
	}
	if m.timeline.add(name, time.Now()) {
		m.log.Info("boot mark", "mark", name)
	}
}

// maxMarks bounds what a guest that writes marks for ever can make us keep.
const maxMarks = 64

// add reports whether there was room.
func (t *timeline) add(name string, at time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.marks) >= maxMarks {
		return false
	}
	t.marks = append(t.marks, Mark{Name: name, At: at.Sub(t.start)})
	return true
}

func (t *timeline) snapshot() []Mark {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]Mark(nil), t.marks...)
}
