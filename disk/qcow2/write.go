package qcow2

import (
	"errors"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/disk/hostfile"
	"github.com/hullvm/hull/disk/vectors"
)

// pending is a write to guest clusters beside each other that have no host
// clusters of their own yet. It holds host clusters that nobody counts: first
// their data is written, then the tables change in memory, refcounts and
// mapping in one step. Until then whoever else wants to change the mapping of
// these guest clusters waits.
type pending struct {
	guest run
	// host are the clusters it holds; none where the guest clusters read as
	// zeroes and have host clusters kept for them.
	host run
	at   int64 // where the first cluster's data goes
	zero bool  // the host clusters read as zeroes
	// first and last are the L2 entries that were there.
	first, last uint64
	done        chan struct{}
}

// Writev writes all of iov at off.
func (im *Image) Writev(iov []unix.Iovec, off int64) error {
	n := vectors.Len(iov)
	err := im.check(off, n, true)
	if err == nil {
		err = im.writev(iov, off, n)
	}
	return im.failed("write", off, n, err)
}

func (im *Image) writev(iov []unix.Iovec, off, n int64) error {
	for done := int64(0); done < n; {
		k, err := im.writeSome(iov, done, off+done, n-done)
		if err != nil {
			return err
		}
		done += k
	}
	return nil
}

// writeSome writes what it can of n bytes at off, which are at done in iov. It
// may be nothing: somebody else was at it, and it is to be tried again.
func (im *Image) writeSome(iov []unix.Iovec, done, off, n int64) (int64, error) {
	im.mu.RLock()
	host, k, err := im.inPlaceLocked(off, n, false)
	if im.corrupt != nil {
		err = im.corrupt
	}
	if im.closed {
		err = errClosed
	}
	pin := im.limbo.pin()
	im.mu.RUnlock()
	if err == nil && k > 0 {
		defer unpin(pin)
		return k, im.f.Writev(vectors.Slice(iov, done, k), host)
	}
	unpin(pin)
	switch {
	case errors.Is(err, errNotCached):
		im.prefetch(off >> im.clusterBits)
	case err != nil:
		return 0, err
	}

	im.mu.Lock()
	host, k, err = im.inPlaceLocked(off, n, true)
	if err != nil {
		im.mu.Unlock()
		return 0, err
	}
	if k > 0 {
		pin := im.limbo.pin()
		im.mu.Unlock()
		defer unpin(pin)
		return k, im.f.Writev(vectors.Slice(iov, done, k), host)
	}
	if other := im.pendingLocked(off>>im.clusterBits, 1); other != nil {
		im.mu.Unlock()
		<-other.done
		return 0, nil
	}
	p, err := im.planLocked(off, n)
	im.mu.Unlock()
	if err != nil {
		return 0, err
	}

	k = min(n, (p.guest.first+p.guest.n)<<im.clusterBits-off)
	err = im.fill(p, vectors.Slice(iov, done, k), off, k)

	im.mu.Lock()
	if err == nil {
		err = im.publishLocked(p)
	}
	im.endLocked(p, err)
	im.mu.Unlock()
	if err == nil {
		err = im.relieve()
	}
	return k, err
}

// pendingLocked is a pending write that has one of the guest clusters, or nil.
// mu is held.
func (im *Image) pendingLocked(cluster, n int64) *pending {
	for _, p := range im.pending {
		if cluster < p.guest.first+p.guest.n && p.guest.first < cluster+n {
			return p
		}
	}
	return nil
}

// planLocked starts a pending write for the guest clusters from off on: as many
// of those that n bytes reach as are alike. mu is held for writing.
func (im *Image) planLocked(off, n int64) (*pending, error) {
	cluster := off >> im.clusterBits
	last := min((off+n-1)>>im.clusterBits, cluster|(1<<im.l2Bits-1))
	t, i, err := im.l2Locked(cluster, true)
	if err != nil {
		return nil, err
	}
	entry := func(k int64) uint64 {
		if t == nil {
			return 0
		}
		return t.entry(i + int(k))
	}
	first := entry(0)
	if err := im.judge(first); err != nil {
		return nil, im.corruptLocked("an L2 entry %#x", first)
	}
	p := &pending{guest: run{cluster, 1}, first: first, done: make(chan struct{})}
	// kept is a cluster that reads as zeroes and has its host cluster already.
	kept := func(e uint64) bool { return kindOf(e) == zeroAllocated && e&flagCopied != 0 }
	for cluster+p.guest.n <= last && im.pendingLocked(cluster+p.guest.n, 1) == nil {
		e := entry(p.guest.n)
		if im.judge(e) != nil || writable(e) || kept(e) != kept(first) ||
			kept(e) && hostOffset(e) != hostOffset(first)+p.guest.n<<im.clusterBits {
			break
		}
		p.guest.n++
	}
	if kept(first) {
		p.at = hostOffset(first)
		if im.fixed(p.at, p.guest.n<<im.clusterBits) {
			return nil, im.corruptLocked("data at %#x, where tables are", p.at)
		}
	} else {
		p.host, p.zero, err = im.reserveLocked(p.guest.n)
		if err != nil {
			return nil, err
		}
		p.at = p.host.first << im.clusterBits
		p.guest.n = p.host.n
	}
	p.last = entry(p.guest.n - 1)
	im.pending = append(im.pending, p)
	return p, nil
}

// fill writes the clusters of a pending write: the n bytes of iov, and around
// them what the first and last cluster held before.
func (im *Image) fill(p *pending, iov []unix.Iovec, off, n int64) error {
	start, end := p.guest.first<<im.clusterBits, (p.guest.first+p.guest.n)<<im.clusterBits
	at := p.at
	var all []unix.Iovec
	if head := off - start; head > 0 {
		old, release, err := im.old(p.first, start, head, p.zero)
		defer release()
		if err != nil {
			return err
		}
		if old == nil {
			at += head
		}
		all = append(all, old...)
	}
	all = append(all, iov...)
	if tail := end - off - n; tail > 0 {
		old, release, err := im.old(p.last, off+n, tail, p.zero)
		defer release()
		if err != nil {
			return err
		}
		all = append(all, old...)
	}
	return im.f.Writev(all, at)
}

// old is the content of n bytes at off, inside of a cluster with an L2 entry;
// nothing where it is zeroes and zeroes need not be written. The vectors are
// good until release is called.
func (im *Image) old(entry uint64, off, n int64, zero bool) (iov []unix.Iovec, release func(), err error) {
	release = func() {}
	k := kindOf(entry)
	if k == zeroPlain || k == zeroAllocated || k == unallocated && !im.backed(off) {
		if !zero {
			iov = hostfile.AppendZeroes(nil, n)
		}
		return iov, release, nil
	}
	buf := im.buffers.Get().(*[]byte)
	release = func() { im.buffers.Put(buf) }
	iov = vectors.Of(nil, (*buf)[:n])
	in := off & (im.clusterSize - 1)
	switch k {
	case data:
		err = im.f.Readv(iov, hostOffset(entry)+in)
	case compressed:
		err = im.readCompressed(iov, entry, in)
	default:
		err = im.readBacking(iov, off, n)
	}
	return iov, release, err
}

// backed says that what is under the image has something at off or later.
func (im *Image) backed(off int64) bool { return im.backing != nil && off < im.backing.Size() }

// publishLocked makes the tables refer to what a pending write has written. mu
// is held for writing.
func (im *Image) publishLocked(p *pending) error {
	if im.corrupt != nil {
		return im.corrupt
	}
	t, err := im.writableL2Locked(p.guest.first)
	if err != nil {
		return err
	}
	if err := im.increfLocked(p.host); err != nil {
		return err
	}
	for k := range p.guest.n {
		i := int((p.guest.first + k) & (1<<im.l2Bits - 1))
		if p.host.n > 0 {
			im.freeEntryLocked(t.entry(i))
		}
		im.l2.setEntry(t, i, uint64(p.at+k<<im.clusterBits)|flagCopied)
	}
	im.changedLocked()
	return nil
}

// endLocked ends a pending write. Where it failed, its clusters are free again.
// mu is held for writing.
func (im *Image) endLocked(p *pending, err error) {
	for i, other := range im.pending {
		if other == p {
			last := len(im.pending) - 1
			im.pending[i] = im.pending[last]
			im.pending[last] = nil
			im.pending = im.pending[:last]
			break
		}
	}
	if err != nil && p.host.n > 0 {
		im.releaseLocked(p.host)
	}
	close(p.done)
}
