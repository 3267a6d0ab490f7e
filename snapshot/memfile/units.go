package memfile

import (
	"context"
	"fmt"
	"runtime"
	"sync"
)

const (
	// unitSize is how much of a memory file is one step of work, in bytes.
	unitSize = 16 * ChunkSize
	// maxWorkers bounds how many do such steps at once: each has room for a chunk,
	// and a disk is seldom faster for more.
	maxWorkers = 8
)

// inUnits has several goroutines go over a file of size bytes, each with a function
// of its own that takes one unit at a time. It ends with the error of the first unit,
// in order of offset, that has one, or with ctx. progress may be nil.
func inUnits(ctx context.Context, size int64, progress func(done, total int64), worker func() func(Extent) error) error {
	u := &units{size: size, progress: progress}
	var all sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), maxWorkers, int((size+unitSize-1)/unitSize)) {
		all.Go(func() {
			work := worker()
			for e, ok := u.take(ctx); ok; e, ok = u.take(ctx) {
				u.did(e, work(e))
			}
		})
	}
	all.Wait()
	if u.err == nil && u.done < size {
		return fmt.Errorf("after %d of %d bytes: %w", u.done, u.size, context.Cause(ctx))
	}
	return u.err
}

type units struct {
	size     int64
	progress func(done, total int64)

	mu    sync.Mutex
	next  int64
	done  int64
	err   error
	errAt int64
}

// take gives the next unit. They go out in order, and one that went out is done:
// nothing before a unit that fails is passed over.
func (u *units) take(ctx context.Context) (Extent, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.err != nil || u.next >= u.size || ctx.Err() != nil {
		return Extent{}, false
	}
	e := Extent{Offset: u.next, Size: min(unitSize, u.size-u.next)}
	u.next = e.end()
	return e, true
}

func (u *units) did(e Extent, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if err != nil {
		if u.err == nil || e.Offset < u.errAt {
			u.err, u.errAt = err, e.Offset
		}
		return
	}
	u.done += e.Size
	if u.progress != nil {
		u.progress(u.done, u.size)
	}
}
