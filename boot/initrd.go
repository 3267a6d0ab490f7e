package boot

import (
	"fmt"

	"github.com/hullvm/hull/mem"
)

// placeInitrd finds a place for the initrd: at a page, as high as the kernel
// lets it be, above the kernel or else below. Above 4 GiB it goes only if it
// has no room elsewhere.
func (l *loader) placeInitrd(k *kernel) (Range, error) {
	if err := l.Initrd.check(); err != nil {
		return Range{}, err
	}
	size := uint64(l.Initrd.Size)
	var room uint64
	for _, gap := range l.initrdGaps(k) {
		if gap.Size >= size {
			at := (uint64(gap.Addr) + gap.Size - size) &^ (mem.PageSize - 1)
			return Range{Name: "initrd", Addr: mem.Addr(at), Size: size}, nil
		}
		room = max(room, gap.Size)
	}
	return Range{}, fmt.Errorf("%d bytes do not fit: the most this kernel and %s of memory leave room for is %d bytes",
		size, mem.FormatSize(l.Memory.Size()), room)
}

// initrdGaps lists where the initrd can be, the best first. Each begins at a
// page and is a number of pages.
func (l *loader) initrdGaps(k *kernel) []Range {
	var low, high mem.Addr // ends of RAM
	for _, s := range l.Memory.Slots() {
		if s.Base < mem.HighRAM {
			low = s.Base + mem.Addr(s.Size)
		} else {
			high = s.Base + mem.Addr(s.Size)
		}
	}
	const page = mem.PageSize
	low = min(low, k.initrdLimit) &^ (page - 1)
	kernelEnd := mem.Addr(roundUp(uint64(k.first)+k.size, page))
	var gaps []Range
	add := func(from, to mem.Addr) {
		if from < to {
			gaps = append(gaps, Range{Addr: from, Size: uint64(to - from)})
		}
	}
	add(kernelEnd, low)
	add(mem.HighMemory, min(k.first&^(page-1), low))
	if k.initrdAbove4GiB {
		add(mem.HighRAM, high)
	}
	return gaps
}
