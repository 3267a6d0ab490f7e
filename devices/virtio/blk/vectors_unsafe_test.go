package blk

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// bytesOf is the memory of a vector that mem.Guest made, for the time of the
// call that it was made for.
func bytesOf(v unix.Iovec) []byte { return unsafe.Slice(v.Base, v.Len) }
