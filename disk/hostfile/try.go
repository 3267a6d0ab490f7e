package hostfile

import (
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/disk/vectors"
	"github.com/hullvm/hull/internal/iovec"
)

// TryReadv is Readv where all of it is in the page cache: then it is done, and
// no disk was waited for. Anything else, errors too, is left to Readv.
func (h *File) TryReadv(iov []unix.Iovec, off int64) (done bool) {
	return h.try(iov, off, iovec.Preadv2, &h.noTryRead)
}

// TryWritev is Writev where the page cache takes all of it at once.
func (h *File) TryWritev(iov []unix.Iovec, off int64) (done bool) {
	if done = h.try(iov, off, iovec.Pwritev2, &h.noTryWrite); done {
		h.grow(off + vectors.Len(iov))
	}
	return done
}

// try makes one transfer with RWF_NOWAIT. A file system that has no such thing is
// not asked again.
func (h *File) try(iov []unix.Iovec, off int64, call func(int, []unix.Iovec, int64, uintptr) (int, error), cannot *atomic.Bool) bool {
	if h.direct != nil || cannot.Load() {
		return false
	}
	n, err := call(h.fd, iov, off, unix.RWF_NOWAIT)
	if err == unix.EOPNOTSUPP || err == unix.ENOSYS {
		cannot.Store(true)
	}
	return err == nil && int64(n) == vectors.Len(iov)
}
