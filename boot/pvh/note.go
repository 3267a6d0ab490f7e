package pvh

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/hullvm/hull/mem"
)

// Notes of the owner Xen, xen/include/public/elfnote.h.
const (
	noteOwner       = "Xen"
	noteGuestOS     = 6  // XEN_ELFNOTE_GUEST_OS: its name
	notePhys32Entry = 18 // XEN_ELFNOTE_PHYS32_ENTRY: 4 or 8 bytes
)

// IsEntry reports whether a note is that of the PVH entry.
func IsEntry(owner string, kind uint32) bool { return owner == noteOwner && kind == notePhys32Entry }

// IsGuestOS reports whether a note is that of the name of the kernel.
func IsGuestOS(owner string, kind uint32) bool { return owner == noteOwner && kind == noteGuestOS }

// Entry reads the physical address of the 32-bit entry from the note's content.
func Entry(desc []byte) (mem.Addr, error) {
	switch len(desc) {
	case 4:
		return mem.Addr(binary.LittleEndian.Uint32(desc)), nil
	case 8:
		if v := binary.LittleEndian.Uint64(desc); v <= math.MaxUint32 {
			return mem.Addr(v), nil
		}
		return 0, fmt.Errorf("PVH entry: the note says %#x: want an address below 4 GiB", binary.LittleEndian.Uint64(desc))
	}
	return 0, fmt.Errorf("PVH entry: a note of %d bytes: want 4 or 8", len(desc))
}
