package qcow2

import (
	"errors"
	"fmt"
)

// errNotCached says that an L2 table has to be read first, which takes mu for
// writing.
var errNotCached = errors.New("the L2 table is not in memory")

// extent is a piece of the virtual disk that comes from one place.
type extent struct {
	kind  kind
	host  int64  // data: where the first byte is in the file
	entry uint64 // compressed: the L2 entry
	n     int64  // bytes
}

// l2OffsetLocked is where the L2 table that covers a guest cluster is. mu is
// held, for reading at least.
func (im *Image) l2OffsetLocked(cluster int64) (int64, bool) {
	i := cluster >> im.l2Bits
	if i >= int64(len(im.l1.entries)) {
		return 0, false
	}
	off := hostOffset(im.l1.entries[i])
	return off, off != 0
}

// l2Locked is the L2 table that covers a guest cluster, or nil where there is
// none, and the cluster's index in it. mu is held, for writing where load is
// set; without it, errNotCached says that load is needed.
func (im *Image) l2Locked(cluster int64, load bool) (*table, int, error) {
	j := int(cluster & (1<<im.l2Bits - 1))
	off, ok := im.l2OffsetLocked(cluster)
	if !ok {
		return nil, j, nil
	}
	if load {
		t, err := im.loadLocked(&im.l2, off)
		return t, j, err
	}
	if t := im.l2.find(off); t != nil {
		return t, j, nil
	}
	return nil, j, errNotCached
}

// judge refuses an L2 entry that cannot be. mu is held, for reading at least.
func (im *Image) judge(entry uint64) error {
	switch kindOf(entry) {
	case data:
		host := hostOffset(entry)
		if host&(im.clusterSize-1) != 0 || host > im.space.end-im.clusterSize {
			return fmt.Errorf("%w: an L2 entry %#x", ErrCorrupt, entry)
		}
	case zeroPlain, zeroAllocated:
		host := hostOffset(entry)
		if im.version < 3 || host&(im.clusterSize-1) != 0 || host > im.space.end-im.clusterSize {
			return fmt.Errorf("%w: an L2 entry %#x", ErrCorrupt, entry)
		}
	case compressed:
		if off, _ := compressedRange(entry, im.clusterBits); off >= im.space.end {
			return fmt.Errorf("%w: an L2 entry %#x", ErrCorrupt, entry)
		}
	}
	return nil
}

// mapLocked is where the disk's content from off on comes from: an extent of at
// least one and at most n bytes. mu is held, for writing where load is set.
func (im *Image) mapLocked(off, n int64, load bool) (extent, error) {
	in := off & (im.clusterSize - 1)
	cluster := off >> im.clusterBits
	t, i, err := im.l2Locked(cluster, load)
	if err != nil {
		return extent{}, err
	}
	if t == nil {
		left := (1<<im.l2Bits-int64(i))<<im.clusterBits - in
		return extent{kind: unallocated, n: min(n, left)}, nil
	}
	entry := t.entry(i)
	if err := im.judge(entry); err != nil {
		return extent{}, err
	}
	e := extent{kind: kindOf(entry), entry: entry, host: hostOffset(entry) + in, n: im.clusterSize - in}
	for e.kind != compressed && e.n < n && i+1 < 1<<im.l2Bits {
		i++
		next := t.entry(i)
		if kindOf(next) != e.kind || e.kind == data && hostOffset(next) != e.host+e.n || im.judge(next) != nil {
			break
		}
		e.n += im.clusterSize
	}
	e.n = min(e.n, n)
	return e, nil
}

// inPlaceLocked is where the disk's bytes from off on may be written as they
// are, and how many of n; none where the first may not. mu is held, for writing
// where load is set.
func (im *Image) inPlaceLocked(off, n int64, load bool) (host, k int64, err error) {
	in := off & (im.clusterSize - 1)
	t, i, err := im.l2Locked(off>>im.clusterBits, load)
	if t == nil || err != nil {
		return 0, 0, err
	}
	for k < n && i < 1<<im.l2Bits {
		entry := t.entry(i)
		if !writable(entry) || k > 0 && hostOffset(entry) != host-in+(k+in) {
			break
		}
		if err := im.judge(entry); err != nil {
			return 0, 0, err
		}
		if k == 0 {
			host = hostOffset(entry) + in
			k = im.clusterSize - in
		} else {
			k += im.clusterSize
		}
		i++
	}
	k = min(k, n)
	if k > 0 && im.fixed(host, k) {
		return 0, 0, fmt.Errorf("%w: data at %#x, where tables are", ErrCorrupt, host)
	}
	return host, k, nil
}

// writableL2Locked is the L2 table that covers a guest cluster, made, or made
// this image's own, where it has to be. mu is held for writing.
func (im *Image) writableL2Locked(cluster int64) (*table, error) {
	i := int(cluster >> im.l2Bits)
	entry := im.l1.entries[i]
	off := hostOffset(entry)
	if off != 0 && entry&flagCopied != 0 {
		return im.loadLocked(&im.l2, off)
	}
	content := make([]byte, im.clusterSize)
	if off != 0 {
		// A snapshot has it too. What it refers to keeps its counts: there are
		// still two tables that do.
		old, err := im.loadLocked(&im.l2, off)
		if err != nil {
			return nil, err
		}
		copy(content, old.bytes)
	}
	at, err := im.reserve1Locked()
	if err != nil {
		return nil, err
	}
	if err := im.countHeldLocked(at); err != nil {
		return nil, err
	}
	t := newTable(at.first<<im.clusterBits, content)
	t.fresh = true
	im.l2.put(t)
	im.l2.markAll(t)
	im.l1.set(i, uint64(t.off)|flagCopied)
	if off != 0 {
		im.freeLocked(run{off >> im.clusterBits, 1})
	}
	return t, nil
}
