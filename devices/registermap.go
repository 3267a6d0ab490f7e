package devices

import (
	"errors"
	"fmt"
	"slices"
	"sort"
)

// Access says which way a register can be used.
type Access uint8

// The ways to use a register.
const (
	ReadOnly  Access = 1 << iota // R: writes are dropped
	WriteOnly                    // W: reads give 0
	ReadWrite = ReadOnly | WriteOnly
)

// Partial says what a write to some bytes of a register means for the rest.
type Partial uint8

const (
	// Merge keeps the other bytes: the register is read, the written bytes
	// are put in, and the whole is written. Only for registers whose reading
	// changes nothing.
	Merge Partial = iota
	// Zero writes the other bytes as 0. For registers whose bits are cleared
	// by writing 1 to them, where a merge would clear bits nobody named.
	Zero
)

// Register declares one register of a device.
type Register struct {
	Name    string // as the specification spells it
	Offset  uint64 // bytes from the device's base
	Width   int    // bytes: 1, 2, 4 or 8
	Access  Access
	Partial Partial // for registers of more than one byte
}

// RegisterFile is a device seen as whole registers, named by their offsets.
type RegisterFile interface {
	ReadRegister(offset uint64) uint64
	WriteRegister(offset, value uint64)
}

// RegisterMap turns accesses of any offset and length into accesses to whole
// registers, so that a device need not think of odd widths. Bytes between the
// registers read as 0 and drop what is written. It does not change once made.
type RegisterMap struct {
	registers []Register // sorted by Offset, without overlap
}

// NewRegisterMap declares a device's registers.
func NewRegisterMap(registers ...Register) (*RegisterMap, error) {
	m := &RegisterMap{registers: slices.Clone(registers)}
	slices.SortStableFunc(m.registers, func(a, b Register) int {
		switch {
		case a.Offset < b.Offset:
			return -1
		case a.Offset > b.Offset:
			return 1
		}
		return 0
	})
	for i, r := range m.registers {
		if err := r.check(); err != nil {
			return nil, fmt.Errorf("register %q: declare at %#x: %w", r.Name, r.Offset, err)
		}
		if i > 0 && m.registers[i-1].last() >= r.Offset {
			return nil, fmt.Errorf("register %q: declare at %#x: it overlaps register %q at %#x",
				r.Name, r.Offset, m.registers[i-1].Name, m.registers[i-1].Offset)
		}
	}
	return m, nil
}

// MustRegisterMap is NewRegisterMap for tables written in source, where a
// mistake is a bug: it panics.
func MustRegisterMap(registers ...Register) *RegisterMap {
	m, err := NewRegisterMap(registers...)
	if err != nil {
		panic(err)
	}
	return m
}

// Registers lists the map by ascending offset.
func (m *RegisterMap) Registers() []Register { return slices.Clone(m.registers) }

// Read fills p from the registers at off, by ascending offset. Each register
// that p touches is read once and whole.
func (m *RegisterMap) Read(f RegisterFile, off uint64, p []byte) {
	clear(p)
	for _, r := range m.touched(off, len(p)) {
		if r.Access&ReadOnly == 0 {
			continue
		}
		value := f.ReadRegister(r.Offset)
		for i := range r.Width {
			if at, ok := index(r.Offset+uint64(i), off, len(p)); ok {
				p[at] = byte(value >> (8 * i))
			}
		}
	}
}

// Write hands p to the registers at off, by ascending offset. Each register
// that p touches is written once; see [Partial] for one touched in part.
func (m *RegisterMap) Write(f RegisterFile, off uint64, p []byte) {
	for _, r := range m.touched(off, len(p)) {
		if r.Access&WriteOnly == 0 {
			continue
		}
		var value, mask uint64
		for i := range r.Width {
			if at, ok := index(r.Offset+uint64(i), off, len(p)); ok {
				value |= uint64(p[at]) << (8 * i)
				mask |= 0xff << (8 * i)
			}
		}
		if mask != r.mask() && r.Partial == Merge {
			value |= f.ReadRegister(r.Offset) &^ mask
		}
		f.WriteRegister(r.Offset, value)
	}
}

// touched returns the registers that share a byte with off..off+n-1.
func (m *RegisterMap) touched(off uint64, n int) []Register {
	if n == 0 {
		return nil
	}
	first := sort.Search(len(m.registers), func(i int) bool { return m.registers[i].last() >= off })
	end := first
	for end < len(m.registers) {
		r := m.registers[end]
		if r.Offset > off && r.Offset-off >= uint64(n) {
			break
		}
		end++
	}
	return m.registers[first:end]
}

// index is where in an access of n bytes at off the byte at offset at lies.
func index(at, off uint64, n int) (int, bool) {
	if at < off || at-off >= uint64(n) {
		return 0, false
	}
	return int(at - off), true
}

func (r Register) check() error {
	switch r.Width {
	case 1, 2, 4, 8:
	default:
		return fmt.Errorf("its width is %d bytes, not 1, 2, 4 or 8", r.Width)
	}
	switch {
	case r.Name == "":
		return errors.New("it has no name")
	case r.Access == 0 || r.Access&^ReadWrite != 0:
		return errors.New("its access is none of R, W and RW")
	case r.last() < r.Offset:
		return errors.New("it passes the end of the address space")
	}
	return nil
}

func (r Register) last() uint64 { return r.Offset + uint64(r.Width) - 1 }

func (r Register) mask() uint64 { return ^uint64(0) >> (64 - 8*r.Width) }
