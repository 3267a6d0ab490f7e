package devices

import (
	"errors"
	"fmt"
)

// Handler answers a guest's accesses to one [Region].
//
// off counts bytes from the region's base. len(p) is 1, 2, 4 or 8 and
// off+len(p) never passes the region's end; off need not be a multiple of
// len(p). Values are little-endian. The bus holds no lock during a call, and
// several virtual CPUs may call at once. p belongs to the caller and must not
// be kept.
type Handler interface {
	// Read fills all of p.
	Read(off uint64, p []byte)
	// Write takes the bytes of p.
	Write(off uint64, p []byte)
}

// Region is a range of addresses on one bus and the handler that answers for
// it. [Bus.Add] checks it; a region that is on a bus is valid.
type Region struct {
	// Name is unique on its bus and appears in errors, as in `i8042 command`.
	Name string
	// Base is the first address, Size the number of bytes, at least 1.
	Base, Size uint64
	Handler    Handler

	// Whole keeps the bus from cutting an access at the region's edges: one
	// that reaches over an edge finds nobody here. It is for a byte that means
	// something else as a part of a wider access, such as the reset register
	// at 0xcf9 inside the PCI configuration address at 0xcf8.
	Whole bool
}

// check reports why r cannot stand on a bus whose addresses are below limit.
func (r *Region) check(limit uint64) error {
	switch {
	case r.Name == "":
		return errors.New("it has no name")
	case r.Handler == nil:
		return errors.New("it has no handler")
	case r.Size == 0:
		return errors.New("its size is 0")
	// Written without an addition, which could wrap round past 2^64.
	case r.Base > limit || r.Size > limit-r.Base:
		return fmt.Errorf("base %#x and size %#x pass the limit %#x", r.Base, r.Size, limit)
	}
	return nil
}

// holds reports whether all n bytes at addr lie in r. addr+n may wrap.
func (r *Region) holds(addr uint64, n int) bool {
	return addr >= r.Base && addr <= r.last() && uint64(n) <= r.end()-addr
}

// end is the first address after r. It cannot wrap for a checked region.
func (r *Region) end() uint64 { return r.Base + r.Size }

// last is the last address of r.
func (r *Region) last() uint64 { return r.Base + (r.Size - 1) }
