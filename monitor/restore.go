package monitor

import (
	"errors"
	"fmt"

	"github.com/hullvm/hull/peripherals/handover"
	"github.com/hullvm/hull/vmm"
	"github.com/hullvm/hull/vmstate"
)

// announce has the guest tell its networks where it is now, as soon as it goes on.
func (b *built) announce() {
	for _, n := range b.devices.Nets {
		n.Announce() // a driver that cannot be asked is heard of when it sends something
	}
}

// saved is what the machine is to begin as, nil for one that boots.
func (b *built) saved(files *handover.Files) (*vmm.Saved, error) {
	state := files.TakeOne(handover.State, "")
	b.base = files.TakeOne(handover.Memory, "")
	switch {
	case state == nil && b.base == nil:
		return nil, nil
	case state == nil:
		return nil, errors.New("a descriptor for memory was handed over, and none for the state that goes with it")
	}
	defer state.Close() // only read
	if b.base == nil {
		return nil, errors.New("a descriptor for a state was handed over, and none for the memory that goes with it")
	}
	s, err := vmstate.Read(state)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", state.Name(), err)
	}
	return &vmm.Saved{State: s, Memory: b.base}, nil
}
