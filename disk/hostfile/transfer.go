package hostfile

import (
	"io"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/disk/vectors"
	"github.com/hullvm/hull/internal/iovec"
)

// Readv fills iov from off on. What lies past the end of the file reads as
// zeroes: a disk image's last sector need not be whole.
func (h *File) Readv(iov []unix.Iovec, off int64) error {
	if h.direct != nil {
		return h.direct.readv(h, iov, off)
	}
	return h.transfer(iov, off, iovec.Preadv, true)
}

// Writev writes all of iov at off, or fails.
func (h *File) Writev(iov []unix.Iovec, off int64) error {
	var err error
	if h.direct != nil {
		err = h.direct.writev(h, iov, off)
	} else {
		err = h.transfer(iov, off, iovec.Pwritev, false)
	}
	if err == nil {
		h.grow(off + vectors.Len(iov))
	}
	return err
}

// grow notes that the file is at least so long.
func (h *File) grow(end int64) {
	for {
		size := h.size.Load()
		if h.block || end <= size || h.size.CompareAndSwap(size, end) {
			return
		}
	}
}

// ReadAt is Readv for a slice.
func (h *File) ReadAt(p []byte, off int64) error { return h.Readv(vectors.Of(nil, p), off) }

// WriteAt is Writev for a slice.
func (h *File) WriteAt(p []byte, off int64) error { return h.Writev(vectors.Of(nil, p), off) }

// transfer makes whole transfers of partial ones. iov is the caller's, and is
// copied before it is cut.
func (h *File) transfer(iov []unix.Iovec, off int64, call func(int, []unix.Iovec, int64) (int, error), zeroEnd bool) error {
	left, ours := vectors.Len(iov), false
	for left > 0 {
		n, err := call(h.fd, iov, off)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return err
		case n == 0 && zeroEnd:
			vectors.Zero(iov)
			return nil
		case n == 0:
			return io.ErrShortWrite
		}
		left -= int64(n)
		off += int64(n)
		if left > 0 {
			if !ours {
				iov, ours = slices.Clone(iov), true
			}
			iov = iovec.Advance(iov, n)
		}
	}
	return nil
}

// Sync makes the file's content and size durable (fdatasync).
func (h *File) Sync() error {
	for {
		if err := unix.Fdatasync(h.fd); err != unix.EINTR {
			return err
		}
	}
}

// Truncate sets the file's length. A block device has the one it has.
func (h *File) Truncate(size int64) error {
	if h.block {
		if err := h.Refresh(); err != nil {
			return err
		}
		if size != h.Size() {
			return unix.EOPNOTSUPP
		}
		return nil
	}
	for {
		err := unix.Ftruncate(h.fd, size)
		if err == unix.EINTR {
			continue
		}
		if err == nil {
			h.size.Store(size)
		}
		return err
	}
}
