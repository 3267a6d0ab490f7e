package mem

import "runtime"

// The atomic accesses are for words that guest and monitor hand each other
// while both run, such as ring indices. What the monitor wrote before a Store
// is visible to a guest that sees the stored value; what the guest wrote before
// the value a Load returns is visible after it. On x86-64 a Store is a full
// fence as well, so a Load behind it cannot be answered from before it.

// LoadUint16 reads the 16-bit word at a, which must be even, with acquire
// order.
func (g *Guest) LoadUint16(a Addr) (uint16, error) {
	defer runtime.KeepAlive(g)
	r, off, err := g.word("load", a, 2)
	if err != nil {
		return 0, err
	}
	return load16(r.word16(off)), nil
}

// LoadUint32 reads the 32-bit word at a, a multiple of 4, with acquire order.
func (g *Guest) LoadUint32(a Addr) (uint32, error) {
	defer runtime.KeepAlive(g)
	r, off, err := g.word("load", a, 4)
	if err != nil {
		return 0, err
	}
	return load32(r.word32(off)), nil
}

// StoreUint16 writes the 16-bit word at a, which must be even, with release
// order.
func (g *Guest) StoreUint16(a Addr, v uint16) error {
	defer runtime.KeepAlive(g)
	r, off, err := g.word("store", a, 2)
	if err != nil {
		return err
	}
	store16(r.word16(off), v)
	g.mark(r, off, 2)
	return nil
}

// StoreUint32 writes the 32-bit word at a, a multiple of 4, with release order.
func (g *Guest) StoreUint32(a Addr, v uint32) error {
	defer runtime.KeepAlive(g)
	r, off, err := g.word("store", a, 4)
	if err != nil {
		return err
	}
	store32(r.word32(off), v)
	g.mark(r, off, 4)
	return nil
}

// word finds the aligned word of n bytes at a. Regions start and end at page
// boundaries, so an aligned word is in one region or in none.
func (g *Guest) word(op string, a Addr, n uint64) (r *region, off uint64, err error) {
	if uint64(a)%n != 0 {
		return nil, 0, &AccessError{Op: op, Addr: a, Len: n, Err: ErrUnaligned}
	}
	if g.closed.Load() {
		return nil, 0, &AccessError{Op: op, Addr: a, Len: n, Err: ErrClosed}
	}
	r = g.regionAt(a)
	if r == nil {
		return nil, 0, &AccessError{Op: op, Addr: a, Len: n, Bad: a, Err: ErrNotRAM}
	}
	return r, uint64(a) - r.base, nil
}
