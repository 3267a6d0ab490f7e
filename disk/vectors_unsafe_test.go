package disk_test

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// plainBuffer is the memory of the one vector that a benchmark uses, which it
// holds as a slice.
func plainBuffer(iov []unix.Iovec) []byte { return unsafe.Slice(iov[0].Base, iov[0].Len) }

// vector is p for one transfer.
func vector(p []byte) []unix.Iovec {
	return []unix.Iovec{{Base: unsafe.SliceData(p), Len: uint64(len(p))}}
}
