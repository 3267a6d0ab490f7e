package qcow2

import (
	"errors"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/disk/vectors"
)

// Readv fills iov from off on.
func (im *Image) Readv(iov []unix.Iovec, off int64) error {
	n := vectors.Len(iov)
	err := im.check(off, n, false)
	for done := int64(0); err == nil && done < n; {
		var k int64
		k, err = im.readSome(iov, done, off+done, n-done)
		done += k
	}
	return im.failed("read", off, n, err)
}

// readSome reads the next extent of a request: n bytes at off are left, which
// belong at done in iov.
func (im *Image) readSome(iov []unix.Iovec, done, off, n int64) (int64, error) {
	e, pin, err := im.mapForReading(off, n)
	if err != nil {
		return 0, err
	}
	defer unpin(pin)
	into := vectors.Slice(iov, done, e.n)
	switch e.kind {
	case data:
		err = im.f.Readv(into, e.host)
	case compressed:
		err = im.readCompressed(into, e.entry, off&(im.clusterSize-1))
	case unallocated:
		err = im.readBacking(into, off, e.n)
	default:
		vectors.Zero(into)
	}
	return e.n, err
}

// mapForReading is mapLocked with as little of the lock as it takes, and counts
// the caller in while it holds it.
func (im *Image) mapForReading(off, n int64) (extent, *atomic.Int64, error) {
	im.mu.RLock()
	e, err := im.mapLocked(off, n, false)
	if im.closed {
		err = errClosed
	}
	if !errors.Is(err, errNotCached) {
		pin := im.limbo.pin()
		im.mu.RUnlock()
		if err != nil {
			unpin(pin)
		}
		return e, pin, err
	}
	im.mu.RUnlock()
	im.prefetch(off >> im.clusterBits)
	im.mu.Lock()
	defer im.mu.Unlock()
	e, err = im.mapLocked(off, n, true)
	if err != nil {
		return e, nil, err
	}
	return e, im.limbo.pin(), nil
}

// readBacking reads what the image does not have from what is under it, and
// zeroes past the end of that.
func (im *Image) readBacking(iov []unix.Iovec, off, n int64) error {
	have := int64(0)
	if im.backing != nil {
		have = max(min(n, im.backing.Size()-off), 0)
	}
	if have < n {
		vectors.Zero(vectors.Slice(iov, have, n-have))
	}
	if have == 0 {
		return nil
	}
	return im.backing.Readv(vectors.Slice(iov, 0, have), off)
}

// readCompressed reads from a compressed cluster, from byte in of it on.
func (im *Image) readCompressed(iov []unix.Iovec, entry uint64, in int64) error {
	return im.inflater.with(im, entry, func(cluster []byte) {
		vectors.CopyTo(iov, cluster[in:])
	})
}
