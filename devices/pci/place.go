package pci

import (
	"cmp"
	"fmt"
	"slices"
)

// Window is a range of guest-physical addresses that the root complex leads to,
// as its _CRS says. A Size of 0 is none.
type Window struct {
	Base, Size uint64 // bytes
}

// holds reports whether size bytes at base lie in w.
func (w Window) holds(base, size uint64) bool {
	return size <= w.Size && base >= w.Base && base-w.Base <= w.Size-size
}

// PlaceBARs gives every BAR an address: wide ones in window64 while it has room,
// all others in window32. Decoding stays off until the guest turns it on. From
// then on BARs answer within the windows alone, wherever the guest puts them.
func (r *RootComplex) PlaceBARs(window32, window64 Window) error {
	type placed struct {
		f *Function
		b *bar
	}
	var all []placed
	for i := range r.functions {
		if f := r.functions[i].Load(); f != nil {
			for _, b := range f.bars {
				all = append(all, placed{f, b})
			}
		}
	}
	// The largest first: what is aligned to its size leaves no gaps then.
	slices.SortStableFunc(all, func(x, y placed) int { return cmp.Compare(y.b.Size, x.b.Size) })
	low, high := cursor{w: window32}, cursor{w: window64}
	for _, p := range all {
		base, ok := uint64(0), false
		if p.b.Wide {
			base, ok = high.take(p.b.Size)
		}
		if !ok {
			base, ok = low.take(p.b.Size)
		}
		if !ok {
			return fmt.Errorf("PCI function %q: place BAR %d of %#x bytes: no room is left at %#x-%#x",
				p.f.name, p.b.Index, p.b.Size, window32.Base, window32.Base+window32.Size-1)
		}
		p.f.setBAR(p.b, base)
	}
	r.windows = nil
	for _, w := range []Window{window32, window64} {
		if w.Size > 0 {
			r.windows = append(r.windows, w)
		}
	}
	return nil
}

func (f *Function) setBAR(b *bar, base uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	at := regBAR0 + 4*b.Index
	f.space.put32(at, f.space.get32(at)&(barMinSize-1)|uint32(base))
	if b.Wide {
		f.space.put32(at+4, uint32(base>>32))
	}
}

// cursor hands out a window from its start.
type cursor struct {
	w    Window
	used uint64
}

func (c *cursor) take(size uint64) (base uint64, ok bool) {
	base = (c.w.Base + c.used + size - 1) &^ (size - 1)
	if base == 0 || !c.w.holds(base, size) {
		return 0, false
	}
	c.used = base + size - c.w.Base
	return base, true
}
