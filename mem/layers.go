package mem

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
)

// Layer is a file whose pages lie over those of Options.Image, at the same offsets.
type Layer struct {
	File  *os.File
	Parts []Part // which pages it has, in order; a hole is zeroes
}

// Part is a part of a file, in bytes: whole pages.
type Part struct {
	Offset, Size int64
}

// A part of a layer is mapped if it is so large, and copied otherwise, since each is a
// mapping more of the process (see maxEdges). No more than maxLayered are mapped.
const (
	minLayered = 64 << 10
	maxLayered = 4096
)

func (o Options) validateLayers() error {
	if len(o.Layers) > 0 && o.Image == nil {
		return errors.New("layers without an image")
	}
	for i, l := range o.Layers {
		if l.File == nil {
			return fmt.Errorf("layer %d: no file", i)
		}
		if err := l.validate(o.Size); err != nil {
			return fmt.Errorf("layer %d: %w", i, err)
		}
	}
	return nil
}

func (l *Layer) validate(size uint64) error {
	if err := validateImageFile(l.File, size); err != nil {
		return err
	}
	var free int64
	for _, p := range l.Parts {
		if p.Offset < free || p.Size <= 0 || p.Offset%PageSize != 0 || p.Size%PageSize != 0 || uint64(p.Offset) > size || uint64(p.Size) > size-uint64(p.Offset) {
			return fmt.Errorf("%d bytes at %d: want pages from %d on, of %d bytes", p.Size, p.Offset, free, size)
		}
		free = p.Offset + p.Size
	}
	return nil
}

// layOver puts the layers over the image, the last on top.
func (g *Guest) layOver(o Options) error {
	left := maxLayered
	for i, l := range o.Layers {
		for _, p := range l.Parts {
			if err := g.layPart(&l, p, o, &left); err != nil {
				return fmt.Errorf("layer %d: %d bytes at %d: %w", i, p.Size, p.Offset, err)
			}
		}
	}
	return nil
}

// layPart puts a part into the regions that it is of. left is how many more may be
// mapped.
func (g *Guest) layPart(l *Layer, p Part, o Options, left *int) error {
	for i := range g.regions {
		r := &g.regions[i]
		from := max(uint64(p.Offset), r.fileOffset)
		to := min(uint64(p.Offset+p.Size), r.fileOffset+r.size)
		if from >= to {
			continue
		}
		off, n := from-r.fileOffset, to-from
		if o.mapsImage() && n >= minLayered && *left > 0 {
			*left--
			if err := r.mapLayer(off, n, int(l.File.Fd()), from, o.THP); err != nil {
				return fmt.Errorf("map: %w", err)
			}
			runtime.KeepAlive(l.File)
			continue
		}
		if _, err := io.ReadFull(io.NewSectionReader(l.File, int64(from), int64(n)), r.bytesAt(off, n)); err != nil {
			return fmt.Errorf("read: %w", err)
		}
	}
	return nil
}
