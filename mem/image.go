package mem

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"

	"golang.org/x/sys/unix"
)

// mapsImage reports whether RAM is mapped from its image, and not filled from it.
func (o Options) mapsImage() bool {
	return o.Image != nil && !o.Shared && o.HugePageSize == 0
}

func (o Options) validateImage() error {
	if o.Image != nil {
		if err := validateImageFile(o.Image, o.Size); err != nil {
			return err
		}
	}
	return o.validateLayers()
}

func validateImageFile(f *os.File, size uint64) error {
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("image: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() < 0 || uint64(info.Size()) < size {
		return fmt.Errorf("image of %d bytes: want a file of %d", info.Size(), size)
	}
	return nil
}

// fill copies the image into RAM, except its holes, which are zero in both.
func (g *Guest) fill(image *os.File) error {
	fd := int(image.Fd())
	defer runtime.KeepAlive(image)
	for i := range g.regions {
		r := &g.regions[i]
		end := r.fileOffset + r.size
		for at := r.fileOffset; at < end; {
			data, err := unix.Seek(fd, int64(at), unix.SEEK_DATA)
			if errors.Is(err, unix.ENXIO) || err == nil && uint64(data) >= end {
				break
			}
			if err != nil {
				return fmt.Errorf("image: find its data from %d on: %w", at, err)
			}
			hole, err := unix.Seek(fd, data, unix.SEEK_HOLE)
			if err != nil {
				return fmt.Errorf("image: find its holes from %d on: %w", data, err)
			}
			from, to := uint64(data), min(uint64(hole), end)
			part := io.NewSectionReader(image, data, int64(to-from))
			if _, err := io.ReadFull(part, r.bytesAt(from-r.fileOffset, to-from)); err != nil {
				return fmt.Errorf("image: read %d bytes at %d: %w", to-from, from, err)
			}
			at = to
		}
	}
	return nil
}

// maxEdges is how many places a region may have where pages of an image and pages
// that were given back meet. Each is one more mapping of the process, of which Linux
// allows 65530 (vm.max_map_count), and the Go runtime needs some: a guest that gives
// back every other page must not use them up.
const maxEdges = 16 << 10

// discardImage gives back n bytes at offset off of a region that began as a part of
// an image, whole pages and at least one. MADV_DONTNEED would bring the image's bytes
// back, where Discard promises zeroes. The caller holds Guest.mu.
func (r *region) discardImage(off, n uint64) error {
	first, last := off/PageSize, (off+n)/PageSize-1
	edges := r.edges
	for page := first; page <= last+1; page++ {
		if r.isReplaced(page-1) != r.isReplaced(page) {
			edges--
		}
	}
	if !r.isReplaced(first - 1) {
		edges++
	}
	if !r.isReplaced(last + 1) {
		edges++
	}
	if edges > maxEdges {
		// The memory stays, and reads as it has to.
		clear(r.bytesAt(off, n))
		return nil
	}
	if err := r.replaceAt(off, n); err != nil {
		return err
	}
	r.edges = edges
	for page := first; page <= last; page++ {
		r.replaced[page/64] |= 1 << (page % 64)
	}
	return nil
}

// isReplaced reports whether a page was given back. What is before the first page, at
// ^0, and after the last is no part of the region, and was not.
func (r *region) isReplaced(page uint64) bool {
	return page < r.size/PageSize && r.replaced[page/64]>>(page%64)&1 != 0
}

// Replaced has a bit for each page of a slot that began as a part of an image and
// was given back since ([Guest.Discard]): what was never written of it reads as
// zero, and not as the image. Bit p%64 of word p/64 stands for page p. It is nil
// for memory that did not begin as an image.
func (g *Guest) Replaced(slot int) []uint64 {
	defer runtime.KeepAlive(g)
	g.mu.Lock()
	defer g.mu.Unlock()
	if slot < 0 || slot >= len(g.regions) {
		return nil
	}
	return slices.Clone(g.regions[slot].replaced)
}
