package pci

import (
	"errors"
	"fmt"

	"github.com/hullvm/hull/devices"
)

// BAR is a range of addresses that the guest places, section 7.5.1.2.1.
type BAR struct {
	Index        int    // which register, 0 to 5; a wide one takes the next as well
	Size         uint64 // bytes, a power of 2, at least 16
	Wide         bool   // it may lie above 4 GiB
	Prefetchable bool   // reads have no effect, writes may be merged

	// Regions are what answers in it. Base counts from the BAR's. Bytes that
	// none claims read as ones.
	Regions []devices.Region

	// Moved is called after the BAR was mapped at base, and before it is
	// unmapped from there; a move is both. It must not write to the function's
	// Command register or BARs. nil for nobody.
	Moved func(base uint64, mapped bool)
}

// bar is a BAR of a function.
type bar struct {
	BAR
	region string       // its name on the memory bus
	inner  *devices.Bus // its regions

	// Guarded by the function's mapping.
	mapped    bool
	base      uint64
	refused   bool   // wanted, and there is no place for it
	refusedAt uint64 // the last such place
	later     bool   // others are to be placed before, while a state is loaded
	closed    bool
}

// AddBAR gives the function a BAR. It is placed and decoded by the guest.
func (f *Function) AddBAR(b BAR) error {
	if err := f.addBAR(b); err != nil {
		return f.errorf("add BAR %d: %w", b.Index, err)
	}
	return nil
}

func (f *Function) addBAR(b BAR) error {
	f.mapping.Lock()
	defer f.mapping.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.root != nil {
		return errAttached
	}
	if err := b.check(); err != nil {
		return err
	}
	for _, other := range f.bars {
		if b.Index <= other.last() && other.Index <= b.last() {
			return fmt.Errorf("its registers are those of BAR %d", other.Index)
		}
	}
	added := &bar{BAR: b, region: fmt.Sprintf("%s BAR %d", f.name, b.Index)}
	added.inner = devices.NewBus(added.region, b.Size)
	if err := added.inner.Add(b.Regions...); err != nil {
		return err
	}
	f.bars = append(f.bars, added)

	at := regBAR0 + 4*b.Index
	var flags uint32
	if b.Wide {
		flags |= barWide
	}
	if b.Prefetchable {
		flags |= barPrefetchable
	}
	f.space.put32(at, flags)
	mask := -b.Size // its low bits are those that no place of the BAR has
	for i := range 4 * (b.last() - b.Index + 1) {
		f.space.writable[at+i] = byte(mask >> (8 * i))
	}
	return nil
}

// last is the index of the BAR's last register.
func (b *BAR) last() int {
	if b.Wide {
		return b.Index + 1
	}
	return b.Index
}

func (b *BAR) check() error {
	limit := uint64(barMaxSize32)
	if b.Wide {
		limit = barMaxSize64
	}
	switch {
	case b.Index < 0 || b.last() >= barCount:
		return fmt.Errorf("there are %d registers", barCount)
	case b.Size < barMinSize || b.Size > limit || b.Size&(b.Size-1) != 0:
		return fmt.Errorf("its size is %#x: want a power of 2 from %#x to %#x", b.Size, barMinSize, limit)
	}
	return nil
}

// ReadBAR fills p from off in a BAR, wherever the guest has placed it. It
// reports whether there is such a place.
func (f *Function) ReadBAR(index int, off uint64, p []byte) bool {
	b := f.find(index, off, len(p))
	if b == nil {
		return false
	}
	b.inner.Read(off, p)
	return true
}

// WriteBAR writes p at off in a BAR like ReadBAR.
func (f *Function) WriteBAR(index int, off uint64, p []byte) bool {
	b := f.find(index, off, len(p))
	if b == nil {
		return false
	}
	b.inner.Write(off, p)
	return true
}

func (f *Function) find(index int, off uint64, n int) *bar {
	for _, b := range f.bars {
		if b.Index == index && off < b.Size && uint64(n) <= b.Size-off {
			return b
		}
	}
	return nil
}

// inner is a BAR's own bus as a region of the memory bus.
type inner struct{ bus *devices.Bus }

func (i inner) Read(off uint64, p []byte) { i.bus.Read(off, p) }

func (i inner) Write(off uint64, p []byte) { i.bus.Write(off, p) }

var errNoBAR = errors.New("there is no such BAR")
