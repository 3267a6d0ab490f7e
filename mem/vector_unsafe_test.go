package mem

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// bytesOf is the memory of a vector that Scatter or Gather made.
func bytesOf(v unix.Iovec) []byte { return unsafe.Slice(v.Base, v.Len) }
