package disk

import (
	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/disk/hostfile"
)

// Image is a disk, of whole 512-byte sectors. Its methods may be called from any
// goroutine at the same time, except for Close. Requests that overlap are the
// guest's own fault: what they leave behind is one or the other, sector by
// sector, and nothing else is harmed.
//
// Errors wrap the host's own (ENOSPC, EIO, ...); EINVAL is a range that is not
// inside of the disk, EROFS a change of one that is only read.
type Image interface {
	// Size is the disk's length in bytes. It changes by Resize.
	Size() int64
	// Readv fills iov from byte off on. The vectors' memory stays where it is
	// until Readv returns.
	Readv(iov []unix.Iovec, off int64) error
	// Writev writes all of iov, or fails and may have written some of it.
	Writev(iov []unix.Iovec, off int64) error
	// Flush makes every write that has returned durable.
	Flush() error
	// Discard is a hint that a range is not needed. It reads as zeroes or as
	// before afterwards.
	Discard(off, n int64) error
	// WriteZeroes makes a range read as zeroes, and may give back its space if
	// mayUnmap is set.
	WriteZeroes(off, n int64, mayUnmap bool) error
	// Resize changes the length of a disk in use; only raw ones become smaller.
	Resize(size int64) error
	// Close flushes and closes. No other call may be under way.
	Close() error
}

// Formats that an image can be stated to have.
const (
	Raw   = "raw"
	QCOW2 = "qcow2"
)

// ErrInUse says that an image is locked by another machine, or by QEMU.
var ErrInUse = hostfile.ErrInUse
