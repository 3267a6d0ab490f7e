package balloon

import "github.com/hullvm/hull/vmstate"

// stateVersion is the newest version of the section below.
const stateVersion = 1

// state is the section of a balloon: its registers. No statistics are asked for
// while it is paused, and what is in their queue has been put back.
type state struct {
	Target uint32 `cbor:"1,keyasint"` // num_pages
	Actual uint32 `cbor:"2,keyasint"`
	Poison uint32 `cbor:"3,keyasint"` // poison_val
}

var _ vmstate.Keeper = (*Device)(nil)

// Save writes the registers.
func (d *Device) Save(out vmstate.Out) error {
	return out.Put(stateVersion, state{
		Target: d.register(regNumPages), Actual: d.register(regActual), Poison: d.register(regPoisonVal),
	})
}

// Load takes the registers over: the target that the driver knows is in place of
// Config's, until SetTarget.
func (d *Device) Load(in vmstate.In) error {
	var s state
	if _, err := in.Get(stateVersion, &s); err != nil {
		return err
	}
	d.setRegister(regNumPages, s.Target)
	d.setRegister(regActual, s.Actual)
	d.setRegister(regPoisonVal, s.Poison)
	return nil
}
