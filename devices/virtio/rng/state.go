package rng

import "github.com/hullvm/hull/vmstate"

// stateVersion is the newest version of the section below.
const stateVersion = 1

// state is the section of an entropy device, which has nothing to keep: requests
// that were taken are answered, limits begin anew, and random bytes must not be
// the same twice.
type state struct{}

var _ vmstate.Keeper = (*Device)(nil)

// Save writes that there is such a device.
func (*Device) Save(out vmstate.Out) error { return out.Put(stateVersion, state{}) }

// Load takes that over.
func (*Device) Load(in vmstate.In) error {
	_, err := in.Get(stateVersion, new(state))
	return err
}
