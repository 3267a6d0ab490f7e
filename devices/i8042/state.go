package i8042

import "github.com/hullvm/hull/vmstate"

// stateVersion is the newest version of state.
const stateVersion = 1

type state struct {
	OutputPortNext bool `cbor:"1,keyasint"` // a command waits for its argument
}

// Save writes whether a command waits for its argument.
func (d *Controller) Save(out vmstate.Out) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return out.Put(stateVersion, state{OutputPortNext: d.chip.outputPortNext})
}

// Load takes over what Save wrote.
func (d *Controller) Load(in vmstate.In) error {
	var s state
	if _, err := in.Get(stateVersion, &s); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.chip.outputPortNext = s.OutputPortNext
	return nil
}
