package pvpanic

import "github.com/hullvm/hull/vmstate"

// stateVersion is the newest version of state.
const stateVersion = 1

// state is what the guest has been promised: it reads EVENTS once, when its
// driver starts.
type state struct {
	EVENTS uint8 `cbor:"1,keyasint"`
}

// Save writes which events the guest has seen handled.
func (d *PVPanic) Save(out vmstate.Out) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return out.Put(stateVersion, state{EVENTS: d.chip.handled})
}

// Load has the guest see what it saw before. It refuses events of which nobody
// would be told.
func (d *PVPanic) Load(in vmstate.In) error {
	var s state
	if _, err := in.Get(stateVersion, &s); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if s.EVENTS&^d.chip.handled != 0 {
		return in.Refuse("the guest counts on the events %#x being handled, and %#x are", s.EVENTS, d.chip.handled)
	}
	d.chip.handled = s.EVENTS
	return nil
}
