package mem

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
)

// PageSize is the granule of slots and of the dirty bitmap, in bytes.
const PageSize = 4096

// Sizes of the huge pages x86-64 has, in bytes.
const (
	HugePage2M = 2 << 20
	HugePage1G = 1 << 30
)

// Addr is a guest-physical address.
type Addr uint64

// Options say how much RAM a guest gets and what backs it. The zero value but
// for Size is ordinary private memory.
type Options struct {
	// Size is the amount of RAM in bytes, a multiple of PageSize, and of
	// HugePageSize where that is set.
	Size uint64

	// Shared backs RAM by one memfd that other processes can map, instead of
	// private anonymous memory.
	Shared bool

	// HugePageSize is 0 for ordinary pages, or HugePage2M or HugePage1G to take
	// all RAM from the host's pool of such pages. The pool is charged at once.
	HugePageSize uint64

	// THP asks the host to use transparent huge pages where it can.
	THP bool

	// Overcommit allows more RAM than the host has.
	Overcommit bool

	// Image is a file that RAM begins as: the regions one after the other, Size
	// bytes at least. It is mapped privately, so that nothing is read before it is
	// used and nothing is written back; RAM that is shared, or of huge pages, is
	// filled from it at once. It may be closed after New. Whoever shortens a file
	// that is mapped kills this process.
	Image *os.File

	// Layers lie over Image, the last on top. What holds for Image holds for them.
	Layers []Layer
}

// Slot is one contiguous piece of guest RAM as a monitor registers it with the
// hypervisor.
type Slot struct {
	ID     int     // counts from 0, in order of address
	Base   Addr    // guest-physical address of the first byte
	Size   uint64  // bytes
	Host   uintptr // address of the first byte in this process
	FD     int     // the memfd behind it, -1 where there is none
	Offset int64   // where in FD it starts
	Image  bool    // it began as a part of Options.Image
}

// Guest is the RAM of one guest. All methods may be called from any goroutine
// at any time, after Close as well: they then return an error.
type Guest struct {
	regions []region // immutable, ascending, never overlapping
	size    uint64
	page    uint64 // bytes of a page of the mappings
	fd      int

	// closed is set before the mappings go. An access that looked earlier may
	// still be running: see Close.
	closed atomic.Bool
	dirty  atomic.Pointer[dirtyLog]

	mu       sync.Mutex // serialises Close and the start and stop of the dirty log
	closeErr error
}

// extent is a piece of the guest-physical address space.
type extent struct {
	base, size uint64
}

// region is a mapped extent. host is the address of its first byte, slot its
// place in the list.
type region struct {
	extent
	host hostPointer
	slot int

	fileOffset uint64 // where in the memfd or the image it starts

	// replaced has a bit for each page that has been given back and is no longer
	// the image's; nil without an image. edges is how many pages differ in that from
	// the one before. Guest.mu guards both.
	replaced []uint64
	edges    int
}

// New maps RAM for one guest. Nothing is touched: memory is taken from the host
// when the guest or the monitor first uses it (but see HugePageSize).
func New(o Options) (*Guest, error) {
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("guest memory: %w", err)
	}
	if !o.Overcommit && o.HugePageSize == 0 {
		if err := fitsHost(o.Size); err != nil {
			return nil, fmt.Errorf("guest memory: %w", err)
		}
	}
	return newGuest(o, layout(o.Size))
}

func (o Options) validate() error {
	switch o.HugePageSize {
	case 0, HugePage2M, HugePage1G:
	default:
		return fmt.Errorf("huge page size %d: want 0, %d (2 MiB) or %d (1 GiB)", o.HugePageSize, HugePage2M, HugePage1G)
	}
	page := max(uint64(PageSize), o.HugePageSize)
	switch {
	case o.Size == 0:
		return fmt.Errorf("size 0: want at least %d bytes", page)
	case o.Size%page != 0:
		return fmt.Errorf("size %d: not a multiple of the page size, %d", o.Size, page)
	case o.Size > MaxSize:
		return fmt.Errorf("size %s: the most is %s", FormatSize(o.Size), FormatSize(MaxSize))
	case o.HugePageSize != 0 && o.THP:
		return fmt.Errorf("huge page size %d and THP: choose one, reserved huge pages are never split", o.HugePageSize)
	}
	return o.validateImage()
}

func newGuest(o Options, extents []extent) (*Guest, error) {
	g := &Guest{fd: -1, page: max(PageSize, o.HugePageSize)}
	for _, e := range extents {
		g.size += e.size
	}
	if o.Shared {
		fd, err := newMemfd(g.size, o.HugePageSize)
		if err != nil {
			return nil, fmt.Errorf("guest memory: create shared memory of %s: %w", FormatSize(g.size), err)
		}
		g.fd = fd
	}
	fd := g.fd
	if o.mapsImage() {
		fd = int(o.Image.Fd())
		defer runtime.KeepAlive(o.Image)
	}
	var offset uint64
	for _, e := range extents {
		host, err := mapExtent(e.size, fd, offset, o)
		if err != nil {
			g.Close()
			return nil, fmt.Errorf("guest memory: map %s: %w", FormatSize(e.size), explainMapError(err, g.size, o))
		}
		r := region{extent: e, host: host, slot: len(g.regions), fileOffset: offset}
		if o.mapsImage() {
			r.replaced = make([]uint64, dirtyWords(e.size))
		}
		g.regions = append(g.regions, r)
		offset += e.size
	}
	if o.Image != nil && !o.mapsImage() {
		if err := g.fill(o.Image); err != nil {
			g.Close()
			return nil, fmt.Errorf("guest memory: %w", err)
		}
	}
	if err := g.layOver(o); err != nil {
		g.Close()
		return nil, fmt.Errorf("guest memory: %w", err)
	}
	return g, nil
}

// Size is the amount of RAM in bytes.
func (g *Guest) Size() uint64 { return g.size }

// Slots lists the pieces of RAM, in order of address.
func (g *Guest) Slots() []Slot {
	slots := make([]Slot, 0, len(g.regions))
	for i := range g.regions {
		r := &g.regions[i] // a copy would have what changes too
		s := Slot{ID: i, Base: Addr(r.base), Size: r.size, Host: r.host.address(), FD: g.fd, Image: r.replaced != nil}
		if g.fd >= 0 {
			s.Offset = int64(r.fileOffset)
		}
		slots = append(slots, s)
	}
	return slots
}

// Layout is where RAM of size bytes lies: its slots, with their places in a file that
// has them one after the other.
func Layout(size uint64) []Slot {
	var slots []Slot
	var offset int64
	for i, e := range layout(size) {
		slots = append(slots, Slot{ID: i, Base: Addr(e.base), Size: e.size, FD: -1, Offset: offset})
		offset += int64(e.size)
	}
	return slots
}

// Contains says whether all n bytes from a on are RAM. An empty range is
// contained everywhere.
func (g *Guest) Contains(a Addr, n uint64) bool {
	_, ok := g.firstGap(a, n)
	return ok
}

// firstGap returns the first address of the n bytes from a on that is not RAM;
// ok means there is none.
func (g *Guest) firstGap(a Addr, n uint64) (gap Addr, ok bool) {
	for n > 0 {
		r := g.regionAt(a)
		if r == nil {
			return a, false
		}
		left := r.size - (uint64(a) - r.base)
		if n <= left {
			return 0, true
		}
		n -= left
		a += Addr(left)
	}
	return 0, true
}

// regionAt finds the region a lies in, nil if there is none. A guest has one or
// two, so a loop is the fastest search.
func (g *Guest) regionAt(a Addr) *region {
	for i := range g.regions {
		r := &g.regions[i]
		if uint64(a)-r.base < r.size {
			return r
		}
	}
	return nil
}

// Close gives the memory back to the host at once and makes every later access
// an error. Hypervisor slots over the memory must be gone before.
//
// An access that runs at the same time as Close must not fault. So Close does
// not unmap: it puts fresh empty memory in the place of the old, which costs
// nothing but addresses, and those are released when the garbage collector has
// found that no access can be under way any more. That makes the guard on the
// access path one load of one flag.
func (g *Guest) Close() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed.Swap(true) {
		return g.closeErr
	}
	g.dirty.Store(nil)
	for _, r := range g.regions {
		if err := replaceMapping(r.host, r.size); err != nil && g.closeErr == nil {
			g.closeErr = fmt.Errorf("guest memory: release %s at %#x: %w", FormatSize(r.size), r.base, err)
		}
		runtime.AddCleanup(g, unmap, mapping{addr: r.host.address(), size: r.size})
	}
	if g.fd >= 0 {
		if err := closeFD(g.fd); err != nil && g.closeErr == nil {
			g.closeErr = fmt.Errorf("guest memory: close shared memory: %w", err)
		}
	}
	return g.closeErr
}

// FormatSize writes a number of bytes in the largest unit that divides it.
func FormatSize(n uint64) string {
	units := []struct {
		name string
		size uint64
	}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}
	for _, u := range units {
		if n >= u.size && n%u.size == 0 {
			return fmt.Sprintf("%d %s", n/u.size, u.name)
		}
	}
	return fmt.Sprintf("%d bytes", n)
}
