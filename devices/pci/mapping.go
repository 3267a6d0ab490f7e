package pci

import (
	"github.com/hullvm/hull/devices"
)

// wanted is where the registers in a space put the BAR; ok is false where they
// say that it is not decoded.
func (b *bar) wanted(s *space) (base uint64, ok bool) {
	at := regBAR0 + 4*b.Index
	base = uint64(s.get32(at))
	if b.Wide {
		base |= uint64(s.get32(at+4)) << 32
	}
	// A base of 0 is one that nobody has set.
	base &^= barMinSize - 1
	return base, base != 0 && s.get16(regCommand)&cmdMemory != 0
}

// place maps the BARs where the registers put them. Several calls at once leave
// what the last written registers say.
func (f *Function) place() {
	if f.root == nil {
		return
	}
	if left := f.settle(); left {
		f.root.retry()
	}
}

// settle puts every BAR in its place or takes it off the bus, and reports
// whether one left its place.
func (f *Function) settle() (left bool) {
	f.mapping.Lock()
	defer f.mapping.Unlock()
	for {
		departures := f.root.departures.Load()
		refused := int64(0)
		for _, b := range f.bars {
			left = f.settleBAR(b) || left
			if b.refused {
				refused++
			}
		}
		f.refused.Store(refused)
		// A BAR that left meanwhile may not have seen that one here waits for
		// its place.
		if refused == 0 || f.root.departures.Load() == departures {
			return left
		}
	}
}

// settleBAR is settle for one BAR. The caller holds mapping.
func (f *Function) settleBAR(b *bar) (left bool) {
	f.mu.Lock()
	base, wanted := b.wanted(&f.space)
	f.mu.Unlock()
	wanted = wanted && !b.closed && !b.later
	if b.mapped && wanted && b.base == base {
		return false
	}
	if b.mapped {
		f.unmap(b)
		left = true
	}
	refused := wanted && !f.mapAt(b, base)
	if refused && (!b.refused || b.refusedAt != base) {
		f.root.refuse(f, b, base)
	}
	b.refused, b.refusedAt = refused, base
	return left
}

// mapAt puts the BAR on the memory bus. The caller holds mapping.
func (f *Function) mapAt(b *bar, base uint64) bool {
	if !f.root.decodes(base, b.Size) {
		return false
	}
	region := devices.Region{Name: b.region, Base: base, Size: b.Size, Handler: inner{b.inner}}
	if f.root.memory.Add(region) != nil {
		return false
	}
	b.mapped, b.base = true, base
	if b.Moved != nil {
		b.Moved(base, true)
	}
	return true
}

// unmap takes the BAR off the memory bus. The caller holds mapping. Moved comes
// first: once the region is gone another BAR may take the place.
func (f *Function) unmap(b *bar) {
	b.mapped = false
	if b.Moved != nil {
		b.Moved(b.base, false)
	}
	_ = f.root.memory.Remove(b.region) // it is there
	f.root.departures.Add(1)
}

func (f *Function) closeBARs() {
	f.mapping.Lock()
	for _, b := range f.bars {
		b.closed = true
	}
	f.mapping.Unlock()
	f.place()
}
