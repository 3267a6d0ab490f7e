package debugport

import "github.com/hullvm/hull/vmstate"

// stateVersion is the newest version of state.
const stateVersion = 1

type state struct {
	POST uint8 `cbor:"1,keyasint"`
}

// Save writes the last mark.
func (d *Port) Save(out vmstate.Out) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return out.Put(stateVersion, state{POST: d.chip.post})
}

// Load takes over the last mark. Nobody is told of it again.
func (d *Port) Load(in vmstate.In) error {
	var s state
	if _, err := in.Get(stateVersion, &s); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.chip.post = s.POST
	return nil
}
