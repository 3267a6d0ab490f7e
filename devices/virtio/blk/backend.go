package blk

import "golang.org/x/sys/unix"

// Backend is the disk behind a device. Its methods but Size may take their time.
// They are called from any number of goroutines at once, with offsets and
// lengths that are multiples of 512 bytes within the size that was last asked
// for. A transfer is whole or fails; what a failed one has done is undefined.
//
// The vectors describe guest memory, which the guest may change meanwhile. A
// backend may change the vectors themselves, and must not keep them.
type Backend interface {
	// Size is the disk's size in bytes. What is past the last whole sector is
	// not seen by the guest.
	Size() int64

	Readv(iov []unix.Iovec, off int64) error
	Writev(iov []unix.Iovec, off int64) error

	// Flush returns when all writes that returned before the call are durable.
	Flush() error

	// Discard says that n bytes at off are not needed any more. They read as
	// anything afterwards. It may do nothing.
	Discard(off, n int64) error

	// WriteZeroes makes n bytes at off read as zero. mayUnmap allows to give
	// their space back.
	WriteZeroes(off, n int64, mayUnmap bool) error
}

// Immediate is a Backend that can do some transfers without waiting for a disk
// or another machine. Small ones are tried so first, on the goroutine that
// serves the queue: one that waits holds up all requests behind it.
type Immediate interface {
	Backend

	// TryReadv is Readv where that needs no waiting. Otherwise done is false, and
	// what was read is read again.
	TryReadv(iov []unix.Iovec, off int64) (done bool, err error)

	// TryWritev is Writev where that needs no waiting. Otherwise done is false,
	// and what was written is written again.
	TryWritev(iov []unix.Iovec, off int64) (done bool, err error)
}
