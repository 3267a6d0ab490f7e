package memfile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
)

// Options say how memory is written.
type Options struct {
	// Pagemap is what OpenPagemap gave. Without it all of memory is read that is
	// not shared: correct, but slow.
	Pagemap *os.File

	// Base is the memory file that a restored guest's memory began as
	// (mem.Options.Image): what the guest has not written since is taken from there.
	// Without it such memory is read whole.
	Base *os.File

	// Progress is called with how many bytes of the memory have been dealt with, by
	// one goroutine at a time, and always in order. It may be nil.
	Progress func(done, total int64)
}

// Result is what was written.
type Result struct {
	Size int64 // of the file, bytes: that of the memory
	Data int64 // bytes of it that are no holes
	Sums *Sums
}

// Write writes memory to f, which is open for writing and empty, and does not sync
// it. A file that could not be written whole is for the caller to throw away.
func Write(ctx context.Context, f *os.File, src Source, o Options) (*Result, error) {
	return write(ctx, f, src, nil, o)
}

// WriteRuns is Write of the pages of a set alone. The file has holes elsewhere: with
// the set, it is an incremental snapshot's.
func WriteRuns(ctx context.Context, f *os.File, src Source, pages *PageSet, o Options) (*Result, error) {
	if pages == nil {
		return nil, errors.New("memory file: write: no set of pages")
	}
	return write(ctx, f, src, pages, o)
}

func write(ctx context.Context, f *os.File, src Source, wanted *PageSet, o Options) (*Result, error) {
	l, err := layoutOf(src)
	if err == nil {
		err = checkFiles(f, l.size, wanted, &o)
	}
	if err == nil {
		err = f.Truncate(l.size)
	}
	if err != nil {
		return nil, fmt.Errorf("memory file: write: %w", causeOf(err))
	}
	sums := newSums(l.size)
	var data atomic.Int64
	err = inUnits(ctx, l.size, o.Progress, func() func(Extent) error {
		w := &writer{file: f, src: src, layout: l, wanted: wanted, options: &o, sums: sums, plan: newPlan(), chunk: make([]byte, ChunkSize)}
		return func(e Extent) error {
			n, err := w.unit(e)
			data.Add(n)
			return err
		}
	})
	if err != nil {
		return nil, fmt.Errorf("memory file: write: %w", err)
	}
	return &Result{Size: l.size, Data: data.Load(), Sums: sums}, nil
}

// checkFiles refuses what would give a file that is wrong.
func checkFiles(f *os.File, size int64, wanted *PageSet, o *Options) error {
	info, err := f.Stat()
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular() || info.Size() != 0:
		return fmt.Errorf("it has %d bytes: want a file that is empty", info.Size())
	case wanted != nil && wanted.size != size:
		return fmt.Errorf("a set of pages of %d bytes, and memory of %d", wanted.size, size)
	case o.Base == nil:
		return nil
	}
	info, err = o.Base.Stat()
	if err = causeOf(err); err == nil && info.Size() != size {
		err = fmt.Errorf("it has %d bytes, and the memory %d", info.Size(), size)
	}
	if err != nil {
		return fmt.Errorf("memory file that the guest began as: %w", err)
	}
	return nil
}

// causeOf is an error without the name that the file had when it was opened: it may
// have been handed over.
func causeOf(err error) error {
	if path, ok := err.(*os.PathError); ok {
		return fmt.Errorf("%s: %w", path.Op, path.Err)
	}
	return err
}
