package boot

import (
	"fmt"

	"github.com/hullvm/hull/mem"
)

// loadInitrd puts the initrd as high as the kernel lets it be, out of the
// kernel's way.
func (l *loader) loadInitrd(k *kernel) (Range, error) {
	size := uint64(l.Initrd.Size)
	if l.Initrd.Size <= 0 {
		return Range{}, fmt.Errorf("%d bytes: it is empty", l.Initrd.Size)
	}
	top := min(l.lowRAM(), k.initrdMax+1)
	first := (k.end + mem.PageSize - 1) &^ (mem.PageSize - 1)
	if top < first || size > top-first {
		room := uint64(0)
		if top > first {
			room = top - first
		}
		return Range{}, fmt.Errorf("%d bytes: between the kernel's end at %#x and %#x there is room for %d: raise memory.size or make it smaller",
			size, first, top, room)
	}
	at := (top - size) &^ (mem.PageSize - 1)
	r := Range{Name: "initrd", Addr: mem.Addr(at), Size: size}
	return r, l.copyIn("initrd", l.Initrd, 0, l.Initrd.Size, r.Addr)
}
