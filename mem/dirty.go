package mem

import (
	"errors"
	"fmt"
	"math/bits"
	"sync/atomic"
)

// dirtyLog notes which pages the monitor itself has written, which a
// hypervisor's own log cannot see. It has one bitmap a region.
type dirtyLog struct {
	bits [][]atomic.Uint64
}

// StartDirtyLog starts noting which pages are written through this Guest, with
// all of them clean. A write that is under way at that moment may be noted or
// not, so take the first full copy of memory afterwards. It costs one bit a
// page. Starting a started log clears it.
func (g *Guest) StartDirtyLog() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed.Load() {
		return ErrClosed
	}
	d := &dirtyLog{bits: make([][]atomic.Uint64, len(g.regions))}
	for i, r := range g.regions {
		d.bits[i] = make([]atomic.Uint64, dirtyWords(r.size))
	}
	g.dirty.Store(d)
	return nil
}

// StopDirtyLog stops noting and forgets what was noted.
func (g *Guest) StopDirtyLog() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.dirty.Store(nil)
}

// DirtyWords is the length of the bitmap of a slot of size bytes, in 64-bit
// words.
func DirtyWords(size uint64) int { return int(dirtyWords(size)) }

func dirtyWords(size uint64) uint64 {
	pages := (size + PageSize - 1) / PageSize
	return (pages + 63) / 64
}

// FetchDirtyLog adds (by OR) the pages of a slot written since the last fetch
// to into, clears them in the log, and returns how many there were. Bit p%64 of
// word p/64 stands for page p of the slot, the layout of KVM_GET_DIRTY_LOG, so
// one bitmap can take both. A page is noted after it was written: one that is
// written during the fetch is in this one or in the next.
func (g *Guest) FetchDirtyLog(slot int, into []uint64) (pages int, err error) {
	d := g.dirty.Load()
	switch {
	case d == nil:
		return 0, errors.New("guest memory: fetch dirty pages: the log is not started")
	case slot < 0 || slot >= len(d.bits):
		return 0, fmt.Errorf("guest memory: fetch dirty pages: slot %d: there are %d", slot, len(d.bits))
	case len(into) < len(d.bits[slot]):
		return 0, fmt.Errorf("guest memory: fetch dirty pages: slot %d: bitmap of %d words, want %d", slot, len(into), len(d.bits[slot]))
	}
	return d.fetch(slot, into), nil
}

// mark notes that n bytes at offset off of r were written. It comes after the
// write, for two reasons: a fetch and copy between mark and write would lose the
// write, and so would a start between the two.
func (g *Guest) mark(r *region, off, n uint64) {
	d := g.dirty.Load()
	if d == nil || n == 0 {
		return
	}
	d.set(r.slot, off/PageSize, (off+n-1)/PageSize)
}

// set notes the pages first to last of a region.
func (d *dirtyLog) set(slot int, first, last uint64) {
	words := d.bits[slot]
	for w := first / 64; w <= last/64; w++ {
		mask := ^uint64(0)
		if w == first/64 {
			mask &= ^uint64(0) << (first % 64)
		}
		if w == last/64 {
			mask &= ^uint64(0) >> (63 - last%64)
		}
		// Always Or, even where the bits are set already: it is the fence that
		// makes the write visible before the fetch that takes the bit.
		words[w].Or(mask)
	}
}

func (d *dirtyLog) fetch(slot int, into []uint64) (pages int) {
	words := d.bits[slot]
	for i := range words {
		if words[i].Load() == 0 {
			continue
		}
		v := words[i].Swap(0)
		into[i] |= v
		pages += bits.OnesCount64(v)
	}
	return pages
}
