// Package raw is a disk image that is the disk: byte n of the disk is byte n of
// a file or block device. A file whose length is not a whole number of
// 512-byte sectors has a last sector whose rest reads as zeroes.
package raw

import (
	"fmt"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/disk/hostfile"
	"github.com/hullvm/hull/disk/vectors"
)

const sectorSize = 512

// Image is a raw disk. Its methods may be called from any goroutine at the same
// time, except for Close.
type Image struct {
	f        *hostfile.File
	readOnly bool
	size     atomic.Int64
}

// Open makes an image of a file, which it owns.
func Open(f *hostfile.File, readOnly bool) *Image {
	r := &Image{f: f, readOnly: readOnly}
	r.size.Store(wholeSectors(f.Size()))
	return r
}

// wholeSectors rounds a length up. A block device's is whole already.
func wholeSectors(n int64) int64 { return (n + sectorSize - 1) &^ (sectorSize - 1) }

// Size is the disk's length in bytes.
func (r *Image) Size() int64 { return r.size.Load() }

// Readv fills iov from off on.
func (r *Image) Readv(iov []unix.Iovec, off int64) error {
	n := vectors.Len(iov)
	if err := r.within(off, n); err != nil {
		return r.failed("read", off, n, err)
	}
	return r.failed("read", off, n, r.f.Readv(iov, off))
}

// Writev writes all of iov at off.
func (r *Image) Writev(iov []unix.Iovec, off int64) error {
	n := vectors.Len(iov)
	if err := r.writable(off, n); err != nil {
		return r.failed("write", off, n, err)
	}
	return r.failed("write", off, n, r.f.Writev(iov, off))
}

// TryReadv is Readv where it needs no waiting for a disk; else done is false. It
// makes the image a blk.Immediate.
func (r *Image) TryReadv(iov []unix.Iovec, off int64) (done bool, err error) {
	return r.within(off, vectors.Len(iov)) == nil && r.f.TryReadv(iov, off), nil
}

// TryWritev is Writev where it needs no waiting for a disk; else done is false,
// and some of it may have been written.
func (r *Image) TryWritev(iov []unix.Iovec, off int64) (done bool, err error) {
	return r.writable(off, vectors.Len(iov)) == nil && r.f.TryWritev(iov, off), nil
}

// Flush makes every write that has returned durable.
func (r *Image) Flush() error {
	if r.readOnly {
		return nil
	}
	if err := r.f.Sync(); err != nil {
		return fmt.Errorf("disk %q: flush: %w", r.f.Name(), err)
	}
	return nil
}

// Discard makes a hole, which reads as zeroes, where the file system has holes.
func (r *Image) Discard(off, n int64) error {
	if err := r.writable(off, n); err != nil {
		return r.failed("discard", off, n, err)
	}
	return r.failed("discard", off, n, r.f.Discard(off, n))
}

// WriteZeroes makes the range read as zeroes.
func (r *Image) WriteZeroes(off, n int64, mayUnmap bool) error {
	if err := r.writable(off, n); err != nil {
		return r.failed("write zeroes", off, n, err)
	}
	return r.failed("write zeroes", off, n, r.f.WriteZeroes(off, n, mayUnmap))
}

// Resize sets the disk's length, which may be less than it was. A block device
// is resized by its owner: Resize then takes note of it, and size has to be
// what it has become.
func (r *Image) Resize(size int64) error {
	err := r.writable(0, 0)
	if err == nil && (size <= 0 || size%sectorSize != 0) {
		err = unix.EINVAL
	}
	if err == nil {
		err = r.f.Truncate(size)
	}
	if err != nil {
		return fmt.Errorf("disk %q: resize to %d bytes: %w", r.f.Name(), size, err)
	}
	r.size.Store(size)
	return nil
}

// Refresh takes over the length that the file's owner has given it.
func (r *Image) Refresh() error {
	if err := r.f.Refresh(); err != nil {
		return fmt.Errorf("disk: %w", err)
	}
	r.size.Store(wholeSectors(r.f.Size()))
	return nil
}

// Close closes the file. No other call may be under way.
func (r *Image) Close() error { return r.f.Close() }

func (r *Image) within(off, n int64) error {
	if size := r.Size(); off < 0 || n < 0 || n > size || off > size-n {
		return unix.EINVAL
	}
	return nil
}

func (r *Image) writable(off, n int64) error {
	if r.readOnly {
		return unix.EROFS
	}
	return r.within(off, n)
}

func (r *Image) failed(what string, off, n int64, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("disk %q: %s %d bytes at %d: %w", r.f.Name(), what, n, off, err)
}
