// Package iovec is the vectored system calls on memory that is described by
// vectors rather than slices, such as guest memory.
package iovec

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// maxVectors is the most one call takes (UIO_MAXIOV); more are left for the next.
const maxVectors = 1024

// Readv is readv(2). It returns EINTR and EAGAIN as they are.
func Readv(fd int, iov []unix.Iovec) (int, error) { return call(unix.SYS_READV, fd, iov, 0, 0) }

// Writev is writev(2). It returns EINTR and EAGAIN as they are.
func Writev(fd int, iov []unix.Iovec) (int, error) { return call(unix.SYS_WRITEV, fd, iov, 0, 0) }

// Preadv is preadv(2) at offset off.
func Preadv(fd int, iov []unix.Iovec, off int64) (int, error) {
	return call(unix.SYS_PREADV, fd, iov, off, 0)
}

// Pwritev is pwritev(2) at offset off.
func Pwritev(fd int, iov []unix.Iovec, off int64) (int, error) {
	return call(unix.SYS_PWRITEV, fd, iov, off, 0)
}

// Preadv2 is preadv2(2) at offset off, with flags such as unix.RWF_NOWAIT.
func Preadv2(fd int, iov []unix.Iovec, off int64, flags uintptr) (int, error) {
	return call(unix.SYS_PREADV2, fd, iov, off, flags)
}

// Pwritev2 is pwritev2(2) at offset off, with flags such as unix.RWF_NOWAIT.
func Pwritev2(fd int, iov []unix.Iovec, off int64, flags uintptr) (int, error) {
	return call(unix.SYS_PWRITEV2, fd, iov, off, flags)
}

// call hands at most maxVectors vectors over. That the memory behind them is
// there is the caller's word: it is outside the Go heap, or kept alive.
func call(nr uintptr, fd int, iov []unix.Iovec, off int64, flags uintptr) (int, error) {
	if len(iov) == 0 {
		return 0, nil
	}
	n, _, errno := unix.Syscall6(nr, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(iov))),
		uintptr(min(len(iov), maxVectors)), uintptr(off), 0, flags)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// Advance drops the first n bytes of iov, in place, and returns what is left.
func Advance(iov []unix.Iovec, n int) []unix.Iovec {
	for n > 0 && len(iov) > 0 {
		if uint64(n) < iov[0].Len {
			// n is less than what the vector holds: the sum is inside of it.
			iov[0].Base = (*byte)(unsafe.Add(unsafe.Pointer(iov[0].Base), n))
			iov[0].Len -= uint64(n)
			return iov
		}
		n -= int(iov[0].Len)
		iov = iov[1:]
	}
	return iov
}
