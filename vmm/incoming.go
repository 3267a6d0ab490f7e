package vmm

import (
	"errors"
	"fmt"
	"sync"

	"github.com/hullvm/hull/kvm/cpuid"
	"github.com/hullvm/hull/vmstate"
)

// Origin says what a machine whose state is loaded is to the one that was saved.
type Origin int

const (
	// Copied is a copy: it has a generation of its own, and its clocks go on from
	// where they stood, as those of Config.Restore.
	Copied Origin = iota

	// Moved is the same machine at another place: its generation stays, and its
	// clocks show the time since it was saved, by the wall clocks of the two hosts.
	Moved
)

// incoming is what a machine has that waits for its state.
type incoming struct {
	cpus *cpuid.Table

	mu    sync.Mutex // held over Load; guards what follows
	tried bool       // there was a Load
	over  bool       // the machine is closed, or about to be
}

// Why a machine is not given a state, or is not started.
var (
	errNotLoaded = errors.New("the machine was started without the state that it waits for")

	// ErrNotIncoming answers Load and Judge of a machine that does not wait for a
	// state: it never did, was given one, or is at its end.
	ErrNotIncoming = errors.New("machine does not wait for a state")
)

// await makes the machine ready for a state: what can be done before is done.
func (m *Machine) await(cpus *cpuid.Table) error {
	for i, v := range m.vcpus {
		if err := v.setCPUID(cpus.For(i)); err != nil {
			return err
		}
	}
	m.pauseDevices()
	m.incoming = &incoming{cpus: cpus}
	return nil
}

// Awaits reports whether the machine was made with Config.Incoming and has no state
// yet.
func (m *Machine) Awaits() bool {
	if m.incoming == nil {
		return false
	}
	m.incoming.mu.Lock()
	defer m.incoming.mu.Unlock()
	return m.restored == nil
}

// Load gives a machine of Config.Incoming the state of one like it, whose memory it
// has by then. Start has it go on. It works once: after an error the machine can only
// be killed or closed, and after Start, Kill or Close it is ErrNotIncoming.
func (m *Machine) Load(s *vmstate.State, o Origin) error {
	if m.incoming == nil {
		return fmt.Errorf("load: %w", ErrNotIncoming)
	}
	m.incoming.mu.Lock()
	defer m.incoming.mu.Unlock()
	if m.incoming.tried || m.incoming.over || m.started.Load() || m.ending.Load() {
		return fmt.Errorf("load: %w", ErrNotIncoming)
	}
	m.incoming.tried = true
	r, err := m.judge(s, m.incoming.cpus)
	if err != nil {
		return err
	}
	r.origin = o
	if err := m.take(r, s); err != nil {
		return err
	}
	m.restored = r
	return nil
}
