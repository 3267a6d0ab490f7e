package iovec

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// bytesOf is the memory of a vector made of a slice that the test still holds.
func bytesOf(v unix.Iovec) []byte { return unsafe.Slice(v.Base, v.Len) }
