package memfile

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// dataIn calls f with the parts of an extent of a file that hold data, in whole
// pages and in order. All else is holes, and reads as zero.
func dataIn(fd int, e Extent, f func(Extent)) error {
	for off := e.Offset; off < e.end(); {
		from, err := unix.Seek(fd, off, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			return nil // none up to the end of the file
		}
		if err != nil {
			return fmt.Errorf("look for data from offset %d: %w", off, err)
		}
		if from >= e.end() {
			return nil
		}
		to, err := unix.Seek(fd, from, unix.SEEK_HOLE)
		if err != nil {
			return fmt.Errorf("look for a hole from offset %d: %w", from, err)
		}
		if to <= from {
			return fmt.Errorf("look for a hole from offset %d: there is data up to %d", from, to)
		}
		// A file system's blocks may be smaller than pages.
		from, to = max(from&^(PageSize-1), off), min((to+PageSize-1)&^(PageSize-1), e.end())
		f(Extent{Offset: from, Size: to - from})
		off = to
	}
	return nil
}
