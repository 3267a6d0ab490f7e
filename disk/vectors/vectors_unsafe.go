package vectors

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Len is the number of bytes that iov describes.
func Len(iov []unix.Iovec) int64 {
	var n uint64
	for i := range iov {
		n += iov[i].Len
	}
	return int64(n)
}

// Of describes p, which the caller keeps alive. An empty p needs no vector.
func Of(iov []unix.Iovec, p []byte) []unix.Iovec {
	if len(p) == 0 {
		return iov
	}
	return append(iov, unix.Iovec{Base: unsafe.SliceData(p), Len: uint64(len(p))})
}

// Append appends to dst the n bytes of iov that start at off. What iov does not
// have is not there.
func Append(dst, iov []unix.Iovec, off, n int64) []unix.Iovec {
	for _, v := range iov {
		if n <= 0 {
			break
		}
		if uint64(off) >= v.Len {
			off -= int64(v.Len)
			continue
		}
		// off is less than the vector's length, and so is what is left of it.
		v.Base = (*byte)(unsafe.Add(unsafe.Pointer(v.Base), off))
		v.Len = min(v.Len-uint64(off), uint64(n))
		dst = append(dst, v)
		n -= int64(v.Len)
		off = 0
	}
	return dst
}

// Slice is the n bytes of iov that start at off, or iov itself where that is
// all of it.
func Slice(iov []unix.Iovec, off, n int64) []unix.Iovec {
	if off == 0 && n == Len(iov) {
		return iov
	}
	return Append(make([]unix.Iovec, 0, len(iov)), iov, off, n)
}

// CopyTo copies p into the memory of iov and returns how much fitted.
func CopyTo(iov []unix.Iovec, p []byte) int {
	n := 0
	for i := range iov {
		n += copy(bytesOf(&iov[i]), p[n:])
	}
	return n
}

// CopyFrom fills p from the memory of iov and returns how much there was.
func CopyFrom(p []byte, iov []unix.Iovec) int {
	n := 0
	for i := range iov {
		n += copy(p[n:], bytesOf(&iov[i]))
	}
	return n
}

// Zero clears the memory of iov.
func Zero(iov []unix.Iovec) {
	for i := range iov {
		clear(bytesOf(&iov[i]))
	}
}

// bytesOf is the memory of one vector. Whoever made the vector says that so
// many bytes are there; it is used before the call returns, and not kept.
func bytesOf(v *unix.Iovec) []byte {
	return unsafe.Slice(v.Base, v.Len)
}
