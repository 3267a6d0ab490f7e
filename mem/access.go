package mem

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
)

// The causes an [AccessError] can have.
var (
	// ErrNotRAM means some byte of the range is not RAM.
	ErrNotRAM = errors.New("not RAM")
	// ErrUnaligned means an atomic access is not at a multiple of its size.
	ErrUnaligned = errors.New("not aligned")
	// ErrClosed means the guest's memory has been closed.
	ErrClosed = errors.New("guest memory is closed")
)

// AccessError is why an access to guest memory was refused. Nothing was read or
// written.
type AccessError struct {
	Op   string // what was tried, such as "read"
	Addr Addr   // first address of the range
	Len  uint64 // its length in bytes
	Bad  Addr   // for ErrNotRAM: the first address in it that is not RAM
	Err  error  // ErrNotRAM, ErrUnaligned or ErrClosed
}

func (e *AccessError) Error() string {
	if errors.Is(e.Err, ErrNotRAM) {
		return fmt.Sprintf("guest memory: %s %d bytes at %#x: %#x is not RAM", e.Op, e.Len, uint64(e.Addr), uint64(e.Bad))
	}
	return fmt.Sprintf("guest memory: %s %d bytes at %#x: %v", e.Op, e.Len, uint64(e.Addr), e.Err)
}

func (e *AccessError) Unwrap() error { return e.Err }

// check refuses a range that is not all RAM, so that accesses happen whole or
// not at all.
func (g *Guest) check(op string, a Addr, n uint64) error {
	if g.closed.Load() {
		return &AccessError{Op: op, Addr: a, Len: n, Err: ErrClosed}
	}
	if gap, ok := g.firstGap(a, n); !ok {
		return &AccessError{Op: op, Addr: a, Len: n, Bad: gap, Err: ErrNotRAM}
	}
	return nil
}

// each calls f with the pieces of a range that check has accepted, in order of
// address, until f returns an error. There is more than one piece only where
// regions touch.
func (g *Guest) each(a Addr, n uint64, f func(r *region, off uint64, p []byte) error) error {
	for n > 0 {
		r := g.regionAt(a)
		off := uint64(a) - r.base
		part := min(n, r.size-off)
		if err := f(r, off, r.bytesAt(off, part)); err != nil {
			return err
		}
		a += Addr(part)
		n -= part
	}
	return nil
}

// span returns the n bytes at a if one region holds them all, which is nearly
// always; else r is nil and the caller goes the long way.
func (g *Guest) span(a Addr, n uint64) (r *region, off uint64, p []byte) {
	r = g.regionAt(a)
	if r == nil || n > r.size || g.closed.Load() {
		return nil, 0, nil
	}
	off = uint64(a) - r.base
	if off > r.size-n {
		return nil, 0, nil
	}
	return r, off, r.bytesAt(off, n)
}

// ReadAt fills p from guest memory at a. A range that is not all RAM is an
// [AccessError] and p is left alone. The guest may write the range meanwhile: p
// can then hold any mix of old and new.
func (g *Guest) ReadAt(p []byte, a Addr) error {
	defer runtime.KeepAlive(g)
	if _, _, b := g.span(a, uint64(len(p))); b != nil {
		copy(p, b)
		return nil
	}
	if err := g.check("read", a, uint64(len(p))); err != nil {
		return err
	}
	return g.each(a, uint64(len(p)), func(_ *region, _ uint64, b []byte) error {
		copy(p, b)
		p = p[len(b):]
		return nil
	})
}

// WriteAt copies p to guest memory at a. A range that is not all RAM is an
// [AccessError] and nothing is written.
func (g *Guest) WriteAt(p []byte, a Addr) error {
	defer runtime.KeepAlive(g)
	if r, off, b := g.span(a, uint64(len(p))); b != nil {
		copy(b, p)
		g.mark(r, off, uint64(len(p)))
		return nil
	}
	if err := g.check("write", a, uint64(len(p))); err != nil {
		return err
	}
	return g.each(a, uint64(len(p)), func(r *region, off uint64, b []byte) error {
		copy(b, p)
		g.mark(r, off, uint64(len(b)))
		p = p[len(b):]
		return nil
	})
}

// Zero writes n zero bytes at a. It uses up host memory for the range like any
// other write: RAM nobody has written reads as zero without it.
func (g *Guest) Zero(a Addr, n uint64) error {
	defer runtime.KeepAlive(g)
	if err := g.check("zero", a, n); err != nil {
		return err
	}
	return g.each(a, n, func(r *region, off uint64, b []byte) error {
		clear(b)
		g.mark(r, off, uint64(len(b)))
		return nil
	})
}

// Uint8 reads the byte at a.
func (g *Guest) Uint8(a Addr) (uint8, error) {
	var b [1]byte
	err := g.ReadAt(b[:], a)
	return b[0], err
}

// Uint16 reads a little-endian 16-bit value at a, of any alignment.
func (g *Guest) Uint16(a Addr) (uint16, error) {
	var b [2]byte
	err := g.ReadAt(b[:], a)
	return binary.LittleEndian.Uint16(b[:]), err
}

// Uint32 reads a little-endian 32-bit value at a, of any alignment.
func (g *Guest) Uint32(a Addr) (uint32, error) {
	var b [4]byte
	err := g.ReadAt(b[:], a)
	return binary.LittleEndian.Uint32(b[:]), err
}

// Uint64 reads a little-endian 64-bit value at a, of any alignment.
func (g *Guest) Uint64(a Addr) (uint64, error) {
	var b [8]byte
	err := g.ReadAt(b[:], a)
	return binary.LittleEndian.Uint64(b[:]), err
}

// PutUint8 writes a byte at a.
func (g *Guest) PutUint8(a Addr, v uint8) error {
	return g.WriteAt([]byte{v}, a)
}

// PutUint16 writes a little-endian 16-bit value at a, of any alignment.
func (g *Guest) PutUint16(a Addr, v uint16) error {
	var b [2]byte
	binary.LittleEndian.PutUint16(b[:], v)
	return g.WriteAt(b[:], a)
}

// PutUint32 writes a little-endian 32-bit value at a, of any alignment.
func (g *Guest) PutUint32(a Addr, v uint32) error {
	var b [4]byte
	binary.LittleEndian.PutUint32(b[:], v)
	return g.WriteAt(b[:], a)
}

// PutUint64 writes a little-endian 64-bit value at a, of any alignment.
func (g *Guest) PutUint64(a Addr, v uint64) error {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], v)
	return g.WriteAt(b[:], a)
}
