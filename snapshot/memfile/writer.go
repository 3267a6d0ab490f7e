package memfile

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"os"
)

// writer is what one goroutine writes with.
type writer struct {
	file    *os.File
	src     Source
	layout  *layout
	wanted  *PageSet
	options *Options
	sums    *Sums // each worker has chunks of its own
	plan    *plan
	chunk   []byte
}

// unit writes a unit, and says how many bytes of it are no holes.
func (w *writer) unit(e Extent) (data int64, err error) {
	if err := w.plan.make(e, w.layout, w.wanted, w.options); err != nil {
		return 0, err
	}
	for off := e.Offset; off < e.end(); off += ChunkSize {
		c := Extent{Offset: off, Size: min(ChunkSize, e.end()-off)}
		if w.plan.at(off) == zeroes && w.run(off, c.end()) == c {
			*w.sums.chunk(off) = crcOfZeroes(c.Size)
			continue
		}
		if err := w.fill(c); err != nil {
			return data, err
		}
		n, err := w.put(c)
		data += n
		if err != nil {
			return data, err
		}
		*w.sums.chunk(off) = crc32.Checksum(w.chunk[:c.Size], castagnoli)
	}
	return data, nil
}

// fill reads a chunk by the plan.
func (w *writer) fill(c Extent) error {
	for off := c.Offset; off < c.end(); {
		run := w.run(off, c.end())
		b := w.chunk[off-c.Offset:][:run.Size]
		if o := w.plan.at(off); o == zeroes {
			clear(b)
		} else if err := w.read(b, run, o); err != nil {
			return err
		}
		off = run.end()
	}
	return nil
}

// run is the pages from off on that have one origin, up to end.
func (w *writer) run(off, end int64) Extent {
	to := off + PageSize
	for to < end && w.plan.at(to) == w.plan.at(off) {
		to += PageSize
	}
	return Extent{Offset: off, Size: to - off}
}

func (w *writer) read(b []byte, run Extent, o origin) error {
	if o == base {
		if n, err := w.options.Base.ReadAt(b, run.Offset); n < len(b) {
			return fmt.Errorf("memory file that the guest began as: %d of %d bytes at offset %d: %w", n, len(b), run.Offset, causeOf(err))
		}
		return nil
	}
	for piece, part := range w.layout.in(run) {
		if err := w.src.ReadAt(b[part.Offset-run.Offset:][:part.Size], piece.at(part.Offset)); err != nil {
			return err
		}
	}
	return nil
}

// put writes the pages of a chunk that are not zero, and says how many bytes they are.
func (w *writer) put(c Extent) (data int64, err error) {
	for off := int64(0); off < c.Size; {
		if isZero(w.chunk[off:]) {
			off += PageSize
			continue
		}
		end := off + PageSize
		for end < c.Size && !isZero(w.chunk[end:]) {
			end += PageSize
		}
		n, err := w.file.WriteAt(w.chunk[off:end], c.Offset+off)
		data += int64(n)
		if err != nil {
			return data, fmt.Errorf("%d of %d bytes at offset %d: %w", n, end-off, c.Offset+off, causeOf(err))
		}
		off = end
	}
	return data, nil
}

// isZero reports whether b begins with a page of zeroes.
func isZero(b []byte) bool { return bytes.Equal(b[:PageSize], zeroPage) }
