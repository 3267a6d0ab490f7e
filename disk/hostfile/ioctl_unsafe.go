package hostfile

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// blockSize64 is a block device's size in bytes (BLKGETSIZE64).
func blockSize64(fd int) (int64, error) {
	var n uint64
	// The kernel writes the eight bytes of n.
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.BLKGETSIZE64, uintptr(unsafe.Pointer(&n))); errno != 0 {
		return 0, errno
	}
	return int64(n), nil
}

// addressOf is where a vector's memory starts, to see how it is aligned.
func addressOf(v *unix.Iovec) uintptr { return uintptr(unsafe.Pointer(v.Base)) }

// addressOfSlice is where a slice starts.
func addressOfSlice(p []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(p))) }
