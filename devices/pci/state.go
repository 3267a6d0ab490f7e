package pci

import (
	"fmt"

	"github.com/hullvm/hull/vmstate"
)

// stateVersion is the newest version of the sections below.
const stateVersion = 1

// rootState is the section of a root complex. Each function has its own below it,
// named by its place, as in 00:01.0.
type rootState struct {
	Address uint32 `cbor:"1,keyasint"` // CONFIG_ADDRESS
}

// functionState is the section of a function. That of its MSI-X is below it.
type functionState struct {
	Value    []byte `cbor:"1,keyasint"` // configuration space, but for Interrupt Status
	Writable []byte `cbor:"2,keyasint"` // the bits of it that the guest may change
	Asserted bool   `cbor:"3,keyasint"` // the interrupt is wanted
	Nowhere  uint8  `cbor:"4,keyasint"` // a bit for each BAR that is decoded and has no place
}

// msixState is the section of a function's message interrupts.
type msixState struct {
	Table   []byte `cbor:"1,keyasint"` // 16 bytes for each vector
	Pending []byte `cbor:"2,keyasint"` // the PBA: vectors that were raised while masked
}

var _ vmstate.Keeper = (*RootComplex)(nil)

// section names the section of the function at an index.
func section(i int) string { return fmt.Sprintf("00:%02x.%x", i/functions, i%functions) }

// Save writes the root complex and its functions, but not what is behind them.
func (r *RootComplex) Save(out vmstate.Out) error {
	if err := out.Put(stateVersion, rootState{Address: r.address.Load()}); err != nil {
		return err
	}
	for i := range r.functions {
		if f := r.functions[i].Load(); f != nil {
			if err := f.save(out.At(section(i))); err != nil {
				return f.errorf("save: %w", err)
			}
		}
	}
	return nil
}

func (f *Function) save(out vmstate.Out) error {
	s := functionState{Nowhere: f.nowhere()}
	f.mu.Lock()
	value, writable := f.space.value, f.space.writable
	s.Asserted = f.asserted
	f.mu.Unlock()
	value[regStatus] &^= statusInterrupt
	s.Value, s.Writable = value[:], writable[:]
	if err := out.Put(stateVersion, s); err != nil {
		return err
	}
	if f.msix == nil {
		return nil
	}
	return out.At("msix").Put(stateVersion, f.msix.state())
}

// nowhere has a bit for each BAR that is decoded and has no place.
func (f *Function) nowhere() (bits uint8) {
	f.mapping.Lock()
	defer f.mapping.Unlock()
	for _, b := range f.bars {
		if b.refused {
			bits |= 1 << b.Index
		}
	}
	return bits
}

func (m *MSIX) state() msixState {
	s := msixState{Pending: make([]byte, pbaSize(len(m.vectors)))}
	(*pba)(m).Read(0, s.Pending)
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.entries {
		s.Table = append(s.Table, m.entries[i].raw[:]...)
	}
	return s
}
