package mem

import (
	"runtime"
	"sync"

	"golang.org/x/sys/unix"
)

// Range is a piece of guest memory.
type Range struct {
	Addr Addr
	Len  uint32 // bytes
}

// vectors keeps the slices that Scatter and Gather hand out.
var vectors = sync.Pool{New: func() any { return new([]unix.Iovec) }}

// Scatter lets one system call write guest memory where it lies, such as
// preadv: f gets the pieces of ranges in order as host memory, and returns how
// many bytes it wrote, counted from the first. The vectors must not be kept. A
// range that is not all RAM is an [AccessError], and f is not called.
func (g *Guest) Scatter(ranges []Range, f func(iov []unix.Iovec) (int, error)) (int, error) {
	defer runtime.KeepAlive(g)
	iov := vectors.Get().(*[]unix.Iovec)
	defer putVector(iov)
	if err := g.vector("scatter", iov, ranges); err != nil {
		return 0, err
	}
	n, err := f(*iov)
	if n > 0 && g.dirty.Load() != nil {
		g.markRanges(ranges, uint64(n))
	}
	return n, err
}

// Gather lets one system call read guest memory where it lies, such as pwritev:
// f gets the pieces of ranges in order as host memory that it must not write,
// and Gather returns what f does. The vectors must not be kept, and what was
// read once must not be trusted to read the same again: the guest may write it
// meanwhile. A range that is not all RAM is an [AccessError], and f is not
// called.
func (g *Guest) Gather(ranges []Range, f func(iov []unix.Iovec) (int, error)) (int, error) {
	defer runtime.KeepAlive(g)
	iov := vectors.Get().(*[]unix.Iovec)
	defer putVector(iov)
	if err := g.vector("gather", iov, ranges); err != nil {
		return 0, err
	}
	return f(*iov)
}

// vector puts the pieces of ranges into iov.
func (g *Guest) vector(op string, iov *[]unix.Iovec, ranges []Range) error {
	for _, r := range ranges {
		if err := g.check(op, r.Addr, uint64(r.Len)); err != nil {
			return err
		}
		_ = g.each(r.Addr, uint64(r.Len), func(_ *region, _ uint64, p []byte) error {
			v := unix.Iovec{Base: &p[0]}
			v.SetLen(len(p))
			*iov = append(*iov, v)
			return nil
		})
	}
	return nil
}

func putVector(iov *[]unix.Iovec) {
	clear(*iov)
	*iov = (*iov)[:0]
	vectors.Put(iov)
}

// markRanges notes that the first n bytes of ranges, which vector has accepted,
// were written.
func (g *Guest) markRanges(ranges []Range, n uint64) {
	for _, r := range ranges {
		part := min(n, uint64(r.Len))
		_ = g.each(r.Addr, part, func(reg *region, off uint64, p []byte) error {
			g.mark(reg, off, uint64(len(p)))
			return nil
		})
		if n -= part; n == 0 {
			return
		}
	}
}
