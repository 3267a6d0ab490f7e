package mem

import (
	"fmt"
	"runtime"
)

// residentPiece is how much memory is asked about at a time, in bytes: an answer of
// a byte for each page.
const residentPiece = 64 << 20

// Resident is how many bytes of the RAM the host holds now, in whole pages. What
// its cache has of an image counts, whether this guest has used it or not.
func (g *Guest) Resident() (uint64, error) {
	defer runtime.KeepAlive(g)
	if g.closed.Load() {
		return 0, ErrClosed
	}
	var pages uint64
	answer := make([]byte, residentPiece/PageSize)
	for i := range g.regions {
		r := &g.regions[i]
		for off := uint64(0); off < r.size; off += residentPiece {
			n := min(residentPiece, r.size-off)
			if err := r.residentAt(off, n, answer); err != nil {
				return 0, fmt.Errorf("guest memory: what the host holds of %#x: %w", r.base+off, err)
			}
			for _, page := range answer[:n/PageSize] {
				pages += uint64(page & 1)
			}
		}
	}
	return pages * PageSize, nil
}
