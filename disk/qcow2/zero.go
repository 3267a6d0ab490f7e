package qcow2

import (
	"github.com/hullvm/hull/disk/hostfile"
)

// Discard gives back the clusters that lie in the range as a whole. They read as
// zeroes afterwards; with a backing file in version 2, which cannot say so, they
// stay as they are, and so do clusters that the image does not have.
func (im *Image) Discard(off, n int64) error {
	err := im.check(off, n, true)
	if err == nil {
		first := (off + im.clusterSize - 1) >> im.clusterBits
		end := im.clustersEnd(off + n)
		err = im.remap(first, end, im.discarded)
	}
	return im.failed("discard", off, n, err)
}

// WriteZeroes makes the range read as zeroes. With mayUnmap, host clusters are
// given back where the format has another way to say zero.
func (im *Image) WriteZeroes(off, n int64, mayUnmap bool) error {
	err := im.check(off, n, true)
	if err == nil {
		err = im.writeZeroes(off, n, mayUnmap)
	}
	return im.failed("write zeroes", off, n, err)
}

// clustersEnd is the end, in clusters, of the whole clusters below off. The
// disk's last cluster is whole even where the disk ends inside of it.
func (im *Image) clustersEnd(off int64) int64 {
	if off == im.Size() {
		off += im.clusterSize - 1
	}
	return off >> im.clusterBits
}

func (im *Image) writeZeroes(off, n int64, mayUnmap bool) error {
	first := (off + im.clusterSize - 1) >> im.clusterBits
	end := im.clustersEnd(off + n)
	if first >= end {
		return im.zeroBytes(off, n)
	}
	if err := im.zeroBytes(off, first<<im.clusterBits-off); err != nil {
		return err
	}
	if im.version < 3 {
		if err := im.zeroWithoutFlag(first, end, off+n, mayUnmap); err != nil {
			return err
		}
	} else {
		err := im.remap(first, end, func(entry uint64, backed bool) uint64 { return zeroed(entry, backed, mayUnmap) })
		if err != nil {
			return err
		}
	}
	return im.zeroBytes(end<<im.clusterBits, off+n-end<<im.clusterBits)
}

// zeroWithoutFlag is for version 2: clusters can be given back where nothing is
// under them, and have to be written otherwise, up to the byte at limit.
func (im *Image) zeroWithoutFlag(first, end, limit int64, mayUnmap bool) error {
	bare := first // where the backing file ends
	if im.backing != nil {
		bare = min(max((im.backing.Size()+im.clusterSize-1)>>im.clusterBits, first), end)
	}
	if mayUnmap && bare < end {
		if err := im.remap(bare, end, im.discarded); err != nil {
			return err
		}
		end = bare
	}
	return im.zeroBytes(first<<im.clusterBits, min(end<<im.clusterBits, limit)-first<<im.clusterBits)
}

// zeroBytes writes zeroes as data, except over what reads as zeroes already.
func (im *Image) zeroBytes(off, n int64) error {
	const step = 1 << 20
	for n > 0 {
		e, pin, err := im.mapForReading(off, min(n, step))
		if err != nil {
			return err
		}
		unpin(pin)
		switch {
		case e.kind == zeroPlain || e.kind == zeroAllocated:
		case e.kind == unallocated && !im.backed(off):
		default:
			if err := im.writev(hostfile.AppendZeroes(nil, e.n), off, e.n); err != nil {
				return err
			}
		}
		off += e.n
		n -= e.n
	}
	return nil
}

// discarded is what a discard makes of an L2 entry.
func (im *Image) discarded(entry uint64, backed bool) uint64 {
	switch k := kindOf(entry); {
	case k == unallocated || k == zeroPlain:
		return entry
	case !backed:
		return 0
	case im.version >= 3:
		return flagZero
	}
	return entry
}

// zeroed is what a write of zeroes makes of an L2 entry, in version 3.
func zeroed(entry uint64, backed, mayUnmap bool) uint64 {
	switch kindOf(entry) {
	case unallocated:
		if !backed {
			return entry
		}
	case zeroPlain:
		return entry
	case data, zeroAllocated:
		if !mayUnmap && entry&flagCopied != 0 {
			return entry | flagZero
		}
	}
	return flagZero
}

// remap changes the L2 entries of a range of guest clusters, and gives up the
// host clusters that they do not refer to any more.
func (im *Image) remap(first, end int64, to func(entry uint64, backed bool) uint64) error {
	for first < end {
		k, err := im.remapSome(first, end, to)
		if err != nil {
			return err
		}
		first += k
		if err := im.relieve(); err != nil {
			return err
		}
	}
	return nil
}

// remapSome is remap up to the end of an L2 table, and returns how many clusters
// that was: none where somebody else was at it.
func (im *Image) remapSome(first, end int64, to func(entry uint64, backed bool) uint64) (int64, error) {
	im.mu.Lock()
	defer im.mu.Unlock()
	if im.closed {
		return 0, errClosed
	}
	if im.corrupt != nil {
		return 0, im.corrupt
	}
	n := min(end, first|(1<<im.l2Bits-1)+1) - first
	if other := im.pendingLocked(first, n); other != nil {
		im.mu.Unlock()
		<-other.done
		im.mu.Lock()
		return 0, nil
	}
	t, i, err := im.l2Locked(first, true)
	if err != nil {
		return 0, err
	}
	change := func(k int64) (was, is uint64) {
		if t != nil {
			was = t.entry(i + int(k))
		}
		return was, to(was, im.backed((first+k)<<im.clusterBits))
	}
	// Most often there is nothing to do, and no table to be made for it.
	start := int64(0)
	for start < n {
		if was, is := change(start); was != is {
			break
		}
		start++
	}
	if start == n {
		return n, nil
	}
	if t, err = im.writableL2Locked(first); err != nil {
		return 0, err
	}
	for k := start; k < n; k++ {
		was, is := change(k)
		if was == is {
			continue
		}
		if im.judge(was) != nil {
			return 0, im.corruptLocked("an L2 entry %#x", was)
		}
		if hostOffset(was) != hostOffset(is) || kindOf(was) == compressed {
			im.freeEntryLocked(was)
		}
		im.l2.setEntry(t, i+int(k), is)
	}
	im.changedLocked()
	return n, nil
}
