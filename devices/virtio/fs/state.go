package fs

import (
	"errors"
	"fmt"

	"github.com/hullvm/hull/vmstate"
)

// stateVersion is the newest version of state.
const stateVersion = 1

// state is what is saved of a device: what its driver has read of it. What the
// guest knows of the server's files by numbers is not, for another server gives
// others: a device whose guest has a session cannot be saved.
type state struct {
	Tag           string `cbor:"1,keyasint"`
	RequestQueues uint32 `cbor:"2,keyasint"`
}

// Reasons that a device cannot be saved for, or loaded.
var (
	errMounted = errors.New("it is mounted in the guest, and open files of a share cannot be saved: unmount it first")
	errRunning = errors.New("save: it is not paused")
	errInUse   = errors.New("load: it is in use already")
)

// Save implements [vmstate.Keeper]. The device is paused, or not active.
func (d *Device) Save(out vmstate.Out) error {
	if err := d.unfit(); err != nil {
		return fmt.Errorf("share %q: %w", d.config.Tag, err)
	}
	return out.Put(stateVersion, state{Tag: d.config.Tag, RequestQueues: uint32(d.config.RequestQueues)})
}

// unfit says why the device cannot be saved as it is.
func (d *Device) unfit() error {
	a := d.active
	switch {
	case a == nil:
	case !a.paused:
		return errRunning
	case a.mounted.Load():
		return errMounted
	default:
		if n := d.slots.underWay(); n > 0 {
			return fmt.Errorf("save: the file server has not answered %d requests", n)
		}
	}
	return nil
}

// Load implements [vmstate.Keeper]. The device is not active, and was not before.
// Its server has no session with a guest.
func (d *Device) Load(in vmstate.In) error {
	var s state
	if _, err := in.Get(stateVersion, &s); err != nil {
		return err
	}
	switch {
	case d.active != nil:
		return fmt.Errorf("share %q: %w", d.config.Tag, errInUse)
	case s.Tag != d.config.Tag:
		return in.Refuse("share %q: this one is %q", s.Tag, d.config.Tag)
	case int64(s.RequestQueues) != int64(d.config.RequestQueues):
		return in.Refuse("%d request queues: this share has %d", s.RequestQueues, d.config.RequestQueues)
	}
	return nil
}
