package qcow2

import "fmt"

// mayBeTable says that a table can be at off. mu is held, for reading at least.
func (im *Image) mayBeTable(off int64) bool {
	return off&(im.clusterSize-1) == 0 && off <= im.space.end-im.clusterSize && !im.fixed(off, im.clusterSize)
}

// loadLocked is the table at off, which an entry named. mu is held for writing.
func (im *Image) loadLocked(c *cache, off int64) (*table, error) {
	if t := c.find(off); t != nil {
		return t, nil
	}
	if !im.mayBeTable(off) {
		return nil, im.corruptLocked("a table at %#x", off)
	}
	t := newTable(off, make([]byte, im.clusterSize))
	if err := im.f.ReadAt(t.bytes, off); err != nil {
		return nil, fmt.Errorf("read a table at %#x: %w", off, err)
	}
	c.put(t)
	return t, nil
}

// prefetch reads the L2 table that covers a guest cluster without holding a lock,
// so that others go on meanwhile. It is no promise: whoever needs the table goes
// on with loadLocked, which also has the errors.
func (im *Image) prefetch(cluster int64) {
	im.mu.RLock()
	off, ok := im.l2OffsetLocked(cluster)
	forgotten := im.l2.forgotten
	ok = ok && im.mayBeTable(off) && im.l2.find(off) == nil
	pin := im.limbo.pin() // the table stays where it is
	im.mu.RUnlock()
	defer unpin(pin)
	if !ok {
		return
	}
	t := newTable(off, make([]byte, im.clusterSize))
	if im.f.ReadAt(t.bytes, off) != nil {
		return
	}
	im.mu.Lock()
	defer im.mu.Unlock()
	// Had somebody else read the table, changed it and let it go since, it would
	// be among the forgotten.
	now, ok := im.l2OffsetLocked(cluster)
	if ok && now == off && im.l2.find(off) == nil && im.l2.forgotten == forgotten {
		im.l2.put(t)
	}
}
