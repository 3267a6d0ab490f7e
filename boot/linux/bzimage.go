package linux

import (
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/hullvm/hull/mem"
)

// BzImage is a Linux kernel as distributions ship it: it unpacks itself.
type BzImage struct {
	header *header
	r      io.ReaderAt
	size   uint64 // of the protected-mode kernel in the file
	base   mem.Addr
}

// OpenBzImage reads the header of a file of size bytes. A file without one is
// [ErrNotBzImage].
func OpenBzImage(r io.ReaderAt, size int64) (*BzImage, error) {
	b := make([]byte, min(max(size, 0), headerMaxEnd))
	if n, err := r.ReadAt(b, 0); n < len(b) {
		return nil, fmt.Errorf("setup header: %w", err)
	}
	h, err := parseHeader(b)
	if err != nil {
		return nil, err
	}
	rest := size - h.setupSize
	if rest < max(h.systemSize, entry64+1) {
		return nil, fmt.Errorf("a file of %d bytes: its header says at least %d, it is cut off",
			size, h.setupSize+max(h.systemSize, entry64+1))
	}
	image := &BzImage{header: h, r: r, size: uint64(rest)}
	return image, image.place()
}

// place chooses where to load the kernel. It unpacks itself to where it is
// loaded, but never below pref_address, and wherever it is loaded it rounds up
// to its alignment: so that is the one place that wastes nothing.
func (i *BzImage) place() error {
	h := i.header
	at := h.prefAddress
	if h.relocatable {
		at = max(at, uint64(mem.HighMemory))
		if at > math.MaxUint64-h.alignment {
			return fmt.Errorf("pref_address %#x: past the last address", h.prefAddress)
		}
		at = (at + h.alignment - 1) &^ (h.alignment - 1)
	}
	if at > math.MaxUint64-max(h.initSize, i.size) {
		return errors.New("pref_address and init_size: past the last address")
	}
	i.base = mem.Addr(at)
	return nil
}

// Extent is the memory the kernel needs until it has read its memory map.
func (i *BzImage) Extent() (first mem.Addr, size uint64) {
	return i.base, max(i.header.initSize, i.size)
}

// Entry is the physical address of the 64-bit entry.
func (i *BzImage) Entry() mem.Addr { return i.base + entry64 }

// MaxCommandLine is the longest command line the kernel takes, in bytes without
// the NUL.
func (i *BzImage) MaxCommandLine() uint64 { return i.header.cmdlineSize }

// InitrdLimit is the first address that the initrd must not reach, and whether
// it may lie above 4 GiB instead.
func (i *BzImage) InitrdLimit() (limit mem.Addr, above4GiB bool) {
	return mem.Addr(i.header.initrdAddrMax) + 1, i.header.initrdAnyAddr
}

// Load copies the kernel into guest memory.
func (i *BzImage) Load(g *mem.Guest) error {
	return g.CopyFromAt(i.r, i.header.setupSize, i.base, i.size)
}
