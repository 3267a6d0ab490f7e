package fuse

import (
	"bytes"
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// reader takes numbers off the front of a request. One that is too short reads
// as zeros, and short says so.
type reader struct {
	b     []byte
	short bool
}

func (r *reader) take(n int) []byte {
	if len(r.b) < n {
		r.short = true
		r.b = nil
		return make([]byte, n)
	}
	p := r.b[:n]
	r.b = r.b[n:]
	return p
}

func (r *reader) u16() uint16 { return binary.LittleEndian.Uint16(r.take(2)) }
func (r *reader) u32() uint32 { return binary.LittleEndian.Uint32(r.take(4)) }
func (r *reader) u64() uint64 { return binary.LittleEndian.Uint64(r.take(8)) }
func (r *reader) skip(n int)  { r.take(n) }

// Text takes the bytes before the next NUL. ok is false where there is none.
func Text(b []byte) (text string, rest []byte, ok bool) {
	i := bytes.IndexByte(b, 0)
	if i < 0 {
		return "", nil, false
	}
	return string(b[:i]), b[i+1:], true
}

// maxName is the longest name of a directory's entry (NAME_MAX), in bytes.
const maxName = 255

// Name takes an entry's name, which ends in a NUL: EINVAL for one that is empty,
// ".", "..", has a slash or no NUL, ENAMETOOLONG for one of over 255 bytes.
func Name(b []byte) (name string, rest []byte, err error) {
	name, rest, ok := Text(b)
	switch {
	case !ok || name == "" || name == "." || name == "..":
		return "", nil, unix.EINVAL
	case bytes.IndexByte(b[:len(name)], '/') >= 0:
		return "", nil, unix.EINVAL
	case len(name) > maxName:
		return "", nil, unix.ENAMETOOLONG
	}
	return name, rest, nil
}

// LastName takes an entry's name that the request ends with.
func LastName(b []byte) (string, error) {
	name, rest, err := Name(b)
	if err == nil && len(rest) > 0 {
		return "", unix.EINVAL
	}
	return name, err
}
