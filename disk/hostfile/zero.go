package hostfile

import (
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/disk/vectors"
)

// zeroes are written where the file system cannot make zeroes by itself.
var zeroes [64 << 10]byte

// AppendZeroes appends n bytes of zeroes to iov.
func AppendZeroes(iov []unix.Iovec, n int64) []unix.Iovec {
	for n > 0 {
		k := min(n, int64(len(zeroes)))
		iov = vectors.Of(iov, zeroes[:k])
		n -= k
	}
	return iov
}

// Discard gives the range back to the host's file system. It is a hint: where
// the file system knows no holes, nothing happens.
func (h *File) Discard(off, n int64) error {
	if n <= 0 || h.noPunch.Load() {
		return nil
	}
	_, err := h.allocate(&h.noPunch, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, off, n)
	return err
}

// WriteZeroes makes the range read as zeroes; with mayUnmap by a hole, where
// that works.
func (h *File) WriteZeroes(off, n int64, mayUnmap bool) error {
	if n <= 0 {
		return nil
	}
	if mayUnmap {
		if done, err := h.allocate(&h.noPunch, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, off, n); done {
			return err
		}
	}
	// Past the end of the file there is nothing to keep allocated.
	if done, err := h.allocate(&h.noZeroRange, unix.FALLOC_FL_ZERO_RANGE|unix.FALLOC_FL_KEEP_SIZE, off, n); done {
		return err
	}
	const step = 1 << 20
	iov := AppendZeroes(nil, min(n, step))
	for n > 0 {
		k := min(n, step)
		if err := h.Writev(vectors.Slice(iov, 0, k), off); err != nil {
			return err
		}
		off += k
		n -= k
	}
	return nil
}

// allocate is fallocate(2). done is false where the file system does not have
// this mode, which is remembered.
func (h *File) allocate(unsupported *atomic.Bool, mode uint32, off, n int64) (done bool, err error) {
	if unsupported.Load() {
		return false, nil
	}
	for {
		switch err := unix.Fallocate(h.fd, mode, off, n); err {
		case unix.EINTR:
		case unix.EOPNOTSUPP, unix.ENOSYS, unix.ENODEV, unix.EINVAL:
			// EINVAL also comes from a device whose blocks are larger than
			// what is asked for: that is no word about the next range.
			if err != unix.EINVAL {
				unsupported.Store(true)
			}
			return false, nil
		default:
			return true, err
		}
	}
}
