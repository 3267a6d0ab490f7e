package devices

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sort"
	"sync"
	"sync/atomic"
)

// Limits of the two buses of an x86 machine: the first address past the end.
const (
	PortLimit = 1 << 16 // I/O ports
	MMIOLimit = 1 << 52 // guest-physical memory, the most x86-64 can address
)

// Bus routes accesses to the regions added to it.
//
// Lookups take no lock: they read a snapshot of a sorted slice that Add,
// Remove and Move replace whole. A handler may therefore still be running, or
// be entered once more, shortly after its region was removed or moved.
type Bus struct {
	name      string
	limit     uint64
	unclaimed unclaimed

	mu      sync.Mutex               // serialises Add, Remove and Move
	regions atomic.Pointer[[]Region] // sorted by Base, without overlap; replaced under mu
}

// BusOption changes how NewBus makes a bus.
type BusOption func(*Bus)

// WithLogger logs unclaimed accesses to l, at a limited rate and number.
// Without it they are only counted.
func WithLogger(l *slog.Logger) BusOption {
	return func(b *Bus) { b.unclaimed.log = l }
}

// WithClock sets the clock that the log's rate is measured by. Without it
// that is the host's.
func WithClock(c Clock) BusOption {
	return func(b *Bus) { b.unclaimed.clock = c }
}

// NewBus returns an empty bus for the addresses from 0 to limit-1. name
// appears in errors and logs.
func NewBus(name string, limit uint64, options ...BusOption) *Bus {
	b := &Bus{name: name, limit: limit}
	b.unclaimed.clock = HostClock()
	for _, o := range options {
		o(b)
	}
	b.regions.Store(new([]Region))
	return b
}

// Add puts regions on the bus: all of them or, when one cannot stand there,
// none.
func (b *Bus) Add(regions ...Region) error {
	b.mu.Lock()
	defer b.mu.Unlock()

	next := slices.Clone(*b.regions.Load())
	for _, r := range regions {
		var err error
		if next, err = b.insert(next, r); err != nil {
			return fmt.Errorf("bus %q: add region %q: %w", b.name, r.Name, err)
		}
	}
	b.regions.Store(&next)
	return nil
}

// Remove takes the region of that name off the bus.
func (b *Bus) Remove(name string) error {
	b.mu.Lock()
	defer b.mu.Unlock()

	next, _, err := without(*b.regions.Load(), name)
	if err != nil {
		return fmt.Errorf("bus %q: remove region %q: %w", b.name, name, err)
	}
	b.regions.Store(&next)
	return nil
}

// Move gives the region of that name a new base in one step: no access finds
// it in neither place or in both. When the new place is refused the region
// stays where it was.
func (b *Bus) Move(name string, base uint64) error {
	b.mu.Lock()
	defer b.mu.Unlock()

	next, r, err := without(*b.regions.Load(), name)
	if err == nil {
		r.Base = base
		next, err = b.insert(next, r)
	}
	if err != nil {
		return fmt.Errorf("bus %q: move region %q to %#x: %w", b.name, name, base, err)
	}
	b.regions.Store(&next)
	return nil
}

// Regions lists what is on the bus, by ascending base.
func (b *Bus) Regions() []Region { return slices.Clone(*b.regions.Load()) }

// Read fills p from the regions at addr. Bytes that no region claims, and
// those past the bus's limit, read as ones, as on a bus nobody drives.
//
// An access that passes from one region into another, or whose length no
// handler takes, is carried out in pieces of ascending address; see
// [Region.Whole] for the exception.
func (b *Bus) Read(addr uint64, p []byte) { b.access(addr, p, false) }

// Write hands p to the regions at addr, split as by Read. Bytes that no
// region claims are dropped.
func (b *Bus) Write(addr uint64, p []byte) { b.access(addr, p, true) }

// Stats returns the bus's counters.
func (b *Bus) Stats() BusStats { return b.unclaimed.stats() }

func (b *Bus) access(addr uint64, p []byte, write bool) {
	regions := *b.regions.Load()
	start, length := addr, len(p)
	for len(p) > 0 {
		// i is the first region that ends past addr, so the only one that can
		// hold it.
		i := sort.Search(len(regions), func(i int) bool { return regions[i].last() >= addr })
		if i == len(regions) {
			// Nothing follows, up to the limit and past it. Addresses do not
			// wrap round to 0.
			b.float(addr, p, write)
			return
		}
		r := &regions[i]
		if addr < r.Base {
			n := clamp(r.Base-addr, len(p))
			b.float(addr, p[:n], write)
			addr, p = addr+uint64(n), p[n:]
			continue
		}
		n := clamp(r.end()-addr, len(p))
		if r.Whole && !r.holds(start, length) {
			b.float(addr, p[:n], write)
			addr, p = addr+uint64(n), p[n:]
			continue
		}
		handle(r.Handler, addr-r.Base, p[:n], write)
		addr, p = addr+uint64(n), p[n:]
	}
}

// float answers for a piece that no region claims.
func (b *Bus) float(addr uint64, p []byte, write bool) {
	if !write {
		for i := range p {
			p[i] = 0xff
		}
	}
	b.unclaimed.count(b.name, addr, len(p), write)
}

// handle calls h for p in pieces of 1, 2, 4 or 8 bytes. A length the handler
// takes goes whole; any other is cut into naturally aligned pieces.
func handle(h Handler, off uint64, p []byte, write bool) {
	for len(p) > 0 {
		n := piece(off, len(p))
		if write {
			h.Write(off, p[:n])
		} else {
			h.Read(off, p[:n])
		}
		off, p = off+uint64(n), p[n:]
	}
}

func piece(off uint64, n int) int {
	switch n {
	case 1, 2, 4, 8:
		return n
	}
	size := 8
	for size > n || off%uint64(size) != 0 {
		size /= 2
	}
	return size
}

// insert returns regions with r in its place, or why it has none. The slice
// may be changed.
func (b *Bus) insert(regions []Region, r Region) ([]Region, error) {
	if err := r.check(b.limit); err != nil {
		return nil, err
	}
	for _, other := range regions {
		if other.Name == r.Name {
			return nil, fmt.Errorf("a region of that name is there already, at %#x-%#x", other.Base, other.last())
		}
	}
	i := sort.Search(len(regions), func(i int) bool { return regions[i].last() >= r.Base })
	if i < len(regions) && regions[i].Base <= r.last() {
		other := regions[i]
		return nil, fmt.Errorf("%#x-%#x overlaps region %q at %#x-%#x",
			r.Base, r.last(), other.Name, other.Base, other.last())
	}
	return slices.Insert(regions, i, r), nil
}

// without returns a copy of regions that lacks the named one, and that one.
func without(regions []Region, name string) ([]Region, Region, error) {
	i := slices.IndexFunc(regions, func(r Region) bool { return r.Name == name })
	if i < 0 {
		return nil, Region{}, errNoRegion
	}
	return slices.Concat(regions[:i], regions[i+1:]), regions[i], nil
}

var errNoRegion = errors.New("no region has that name")

func clamp(span uint64, n int) int {
	if span < uint64(n) {
		return int(span)
	}
	return n
}
