package memfile

import (
	"context"
	"fmt"
	"hash/crc32"
)

// Used are the pages of memory that may hold something: all others are zero, and were
// not read to find that out. The guest may run meanwhile: what it begins to use then
// may be missing, and is in a log that was started before.
func Used(ctx context.Context, src Source, o Options) (*PageSet, error) {
	pages, err := inUse(ctx, src, &o)
	if err != nil {
		return nil, fmt.Errorf("memory: look for pages in use: %w", err)
	}
	return pages, nil
}

func inUse(ctx context.Context, src Source, o *Options) (*PageSet, error) {
	l, err := layoutOf(src)
	if err != nil {
		return nil, err
	}
	pages, err := NewPageSet(l.size)
	if err != nil {
		return nil, err
	}
	// Units are whole words of the set, so that each worker has words of its own.
	return pages, inUnits(ctx, l.size, o.Progress, func() func(Extent) error {
		w := &writer{src: src, layout: l, options: o, plan: newPlan()}
		return func(e Extent) error {
			if err := w.plan.make(e, l, nil, o); err != nil {
				return err
			}
			for off := e.Offset; off < e.end(); {
				run := w.run(off, e.end())
				if w.plan.at(off) != zeroes {
					if err := pages.Add(run); err != nil {
						return err
					}
				}
				off = run.end()
			}
			return nil
		}
	})
}

// Sum is the checksums that a file of the memory would have. It may not change
// meanwhile.
func Sum(ctx context.Context, src Source, o Options) (*Sums, error) {
	sums, err := sumOf(ctx, src, &o)
	if err != nil {
		return nil, fmt.Errorf("memory: sum: %w", err)
	}
	return sums, nil
}

func sumOf(ctx context.Context, src Source, o *Options) (*Sums, error) {
	l, err := layoutOf(src)
	if err != nil {
		return nil, err
	}
	sums := newSums(l.size)
	return sums, inUnits(ctx, l.size, o.Progress, func() func(Extent) error {
		w := &writer{src: src, layout: l, options: o, plan: newPlan(), chunk: make([]byte, ChunkSize)}
		return func(e Extent) error {
			if err := w.plan.make(e, l, nil, o); err != nil {
				return err
			}
			for off := e.Offset; off < e.end(); off += ChunkSize {
				c := Extent{Offset: off, Size: min(ChunkSize, e.end()-off)}
				if w.plan.at(off) == zeroes && w.run(off, c.end()) == c {
					*sums.chunk(off) = crcOfZeroes(c.Size)
					continue
				}
				if err := w.fill(c); err != nil {
					return err
				}
				*sums.chunk(off) = crc32.Checksum(w.chunk[:c.Size], castagnoli)
			}
			return nil
		}
	})
}
