package memfile

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
)

// Live writes memory that changes meanwhile: all of it once, then again and again
// the pages that have changed, which the caller knows of a log, and the last of them
// while nothing changes. The file is then what memory was at that last moment. It is
// for one goroutine at a time.
type Live struct {
	file    *os.File
	src     Source
	options Options
	size    int64
	begun   bool
	pages   *PageSet // of all passes; nil where the first was of all pages
	written *PageSet // pages that the file has data for
	sums    *Sums
	stale   *PageSet // of chunks, a page each: their sums are not those of the file
}

// NewLive begins to write to f, which is open for reading and writing, and empty.
// Progress is told of the first pass.
func NewLive(f *os.File, src Source, o Options) (*Live, error) {
	v, err := newLive(f, src, o)
	if err != nil {
		return nil, fmt.Errorf("memory file: write: %w", causeOf(err))
	}
	return v, nil
}

func newLive(f *os.File, src Source, o Options) (*Live, error) {
	l, err := layoutOf(src)
	if err != nil {
		return nil, err
	}
	v := &Live{file: f, src: src, options: o, size: l.size, sums: newSums(l.size)}
	if v.written, err = NewPageSet(l.size); err != nil {
		return nil, err
	}
	if v.stale, err = NewPageSet(int64(len(v.sums.crcs)) * PageSize); err != nil {
		return nil, err
	}
	for i := range v.sums.crcs {
		v.sums.crcs[i] = crcOfZeroes(min(ChunkSize, l.size-int64(i)*ChunkSize))
	}
	if err := checkFiles(f, l.size, nil, &o); err != nil {
		return nil, err
	}
	return v, f.Truncate(l.size)
}

// Pass writes the pages of a set as they are now, or all with nil, which is for the
// first pass. Pages of which no pass is told stay holes: the file of an incremental
// snapshot has those of its first pass, and of all later ones. After an error the file
// is of no use.
func (v *Live) Pass(ctx context.Context, pages *PageSet) error {
	if err := v.pass(ctx, pages); err != nil {
		return fmt.Errorf("memory file: write: %w", causeOf(err))
	}
	return nil
}

func (v *Live) pass(ctx context.Context, pages *PageSet) error {
	progress := v.options.Progress
	switch {
	case pages == nil && v.begun:
		return errors.New("all pages after some")
	case pages != nil && pages.size != v.size:
		return fmt.Errorf("a set of pages of %d bytes, and memory of %d", pages.size, v.size)
	case v.begun:
		progress = nil
	}
	if pages != nil {
		if err := v.note(pages); err != nil {
			return err
		}
	}
	v.begun = true
	// What the guest has given back since the last pass is in the log, and is zero.
	l, err := layoutOf(v.src)
	if err != nil {
		return err
	}
	if l.size != v.size {
		return fmt.Errorf("memory of %d bytes that had %d", l.size, v.size)
	}
	return inUnits(ctx, v.size, progress, func() func(Extent) error {
		w := &writer{file: v.file, src: v.src, layout: l, wanted: pages, options: &v.options, sums: v.sums, plan: newPlan(), chunk: make([]byte, ChunkSize)}
		if pages == nil {
			return func(e Extent) error { return w.first(e, v.written) }
		}
		return func(e Extent) error { return w.again(e, v.written) }
	})
}

// note puts down that pages are in the file, and has their chunks summed at the end.
func (v *Live) note(pages *PageSet) (err error) {
	if !v.begun {
		if v.pages, err = NewPageSet(v.size); err != nil {
			return err
		}
	}
	if v.pages != nil {
		if err := v.pages.AddAll(pages); err != nil {
			return err
		}
	}
	for e := range pages.Extents() {
		first, last := e.Offset/ChunkSize, (e.end()-1)/ChunkSize
		if err := v.stale.Add(Extent{Offset: first * PageSize, Size: (last - first + 1) * PageSize}); err != nil {
			return err
		}
	}
	return nil
}

// Pages are those that the file has; nil for all.
func (v *Live) Pages() *PageSet { return v.pages }

// Finish sums what was written more than once, which it reads for that: nothing of
// memory is read any more.
func (v *Live) Finish(ctx context.Context) (*Result, error) {
	if err := v.sum(ctx); err != nil {
		return nil, fmt.Errorf("memory file: write: %w", causeOf(err))
	}
	return &Result{Size: v.size, Data: v.written.Bytes(), Sums: v.sums}, nil
}

func (v *Live) sum(ctx context.Context) error {
	if !v.begun {
		return errors.New("nothing was written")
	}
	return inUnits(ctx, v.size, nil, func() func(Extent) error {
		r := &verifier{file: v.file, sums: v.sums, chunk: make([]byte, ChunkSize)}
		return func(e Extent) (err error) {
			for off := e.Offset; off < e.end(); off += ChunkSize {
				if !v.stale.Has(off / ChunkSize * PageSize) {
					continue
				}
				if *v.sums.chunk(off), err = r.sum(Extent{Offset: off, Size: min(ChunkSize, e.end()-off)}); err != nil {
					return err
				}
			}
			return nil
		}
	})
}

// first writes a unit of a file that is empty, with its checksums. Units are whole
// words of written, so that each worker has words of its own.
func (w *writer) first(e Extent, written *PageSet) error {
	if err := w.plan.make(e, w.layout, nil, w.options); err != nil {
		return err
	}
	for off := e.Offset; off < e.end(); off += ChunkSize {
		c := Extent{Offset: off, Size: min(ChunkSize, e.end()-off)}
		if w.plan.at(off) == zeroes && w.run(off, c.end()) == c {
			continue
		}
		if err := w.fill(c); err != nil {
			return err
		}
		if err := w.putRun(c, c, written); err != nil {
			return err
		}
		*w.sums.chunk(off) = crc32.Checksum(w.chunk[:c.Size], castagnoli)
	}
	return nil
}

// again writes the pages of a unit that are wanted over what the file has of them.
func (w *writer) again(e Extent, written *PageSet) error {
	if w.wanted.nextBefore(e.Offset, e.end(), true) == e.end() {
		return nil
	}
	if err := w.plan.make(e, w.layout, w.wanted, w.options); err != nil {
		return err
	}
	for off := e.Offset; off < e.end(); off += ChunkSize {
		c := Extent{Offset: off, Size: min(ChunkSize, e.end()-off)}
		at := w.wanted.nextBefore(off, c.end(), true)
		if at == c.end() {
			continue
		}
		if err := w.fill(c); err != nil {
			return err
		}
		for at < c.end() {
			end := w.wanted.nextBefore(at, c.end(), false)
			if err := w.putRun(c, Extent{Offset: at, Size: end - at}, written); err != nil {
				return err
			}
			at = w.wanted.nextBefore(end, c.end(), true)
		}
	}
	return nil
}

// putRun writes a part of the chunk c, but for pages that are zero here and holes in
// the file. Those that were written before are written as zeroes.
func (w *writer) putRun(c, run Extent, written *PageSet) error {
	put := func(off int64) bool { return !isZero(w.chunk[off-c.Offset:]) || written.Has(off) }
	for off := run.Offset; off < run.end(); {
		if !put(off) {
			off += PageSize
			continue
		}
		end := off + PageSize
		for end < run.end() && put(end) {
			end += PageSize
		}
		part := w.chunk[off-c.Offset : end-c.Offset]
		if n, err := w.file.WriteAt(part, off); err != nil {
			return fmt.Errorf("%d of %d bytes at offset %d: %w", n, len(part), off, causeOf(err))
		}
		if err := written.Add(Extent{Offset: off, Size: end - off}); err != nil {
			return err
		}
		off = end
	}
	return nil
}
