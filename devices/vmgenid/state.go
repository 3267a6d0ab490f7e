package vmgenid

import (
	"github.com/hullvm/hull/mem"
	"github.com/hullvm/hull/vmstate"
)

// stateVersion is the newest version of state.
const stateVersion = 1

// state has the address too: the guest has learned it from the tables it was
// booted with, and asks no more.
type state struct {
	Addr uint64 `cbor:"1,keyasint"`
	ID   []byte `cbor:"2,keyasint"`
}

// Save writes the generation and where the guest looks for it.
func (d *Device) Save(out vmstate.Out) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return out.Put(stateVersion, state{Addr: uint64(d.addr), ID: d.id[:]})
}

// Load takes over what Save wrote. The ID itself is in the guest's memory, which
// is loaded apart; Renew makes the machine another one than was saved.
func (d *Device) Load(in vmstate.In) error {
	var s state
	if _, err := in.Get(stateVersion, &s); err != nil {
		return err
	}
	if len(s.ID) != len(ID{}) {
		return in.Refuse("an ID of %d bytes: want %d", len(s.ID), len(ID{}))
	}
	if err := d.checkAddr(mem.Addr(s.Addr)); err != nil {
		return in.Refuse("%w", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.addr, d.id = mem.Addr(s.Addr), ID(s.ID)
	return nil
}
