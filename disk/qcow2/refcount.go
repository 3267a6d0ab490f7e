package qcow2

import (
	"encoding/binary"
	"fmt"
)

// refGet is entry i of a refcount block. Entries of less than a byte start at
// its least significant bit.
func refGet(block []byte, order uint, i int64) uint64 {
	switch order {
	case 3:
		return uint64(block[i])
	case 4:
		return uint64(binary.BigEndian.Uint16(block[i*2:]))
	case 5:
		return uint64(binary.BigEndian.Uint32(block[i*4:]))
	case 6:
		return binary.BigEndian.Uint64(block[i*8:])
	}
	bit := uint(i) << order
	return uint64(block[bit/8]>>(bit%8)) & refMax(order)
}

func refSet(block []byte, order uint, i int64, v uint64) {
	switch order {
	case 3:
		block[i] = byte(v)
	case 4:
		binary.BigEndian.PutUint16(block[i*2:], uint16(v))
	case 5:
		binary.BigEndian.PutUint32(block[i*4:], uint32(v))
	case 6:
		binary.BigEndian.PutUint64(block[i*8:], v)
	default:
		bit := uint(i) << order
		p := &block[bit/8]
		*p = *p&^byte(refMax(order)<<(bit%8)) | byte(v<<(bit%8))
	}
}

// refMax is the largest refcount.
func refMax(order uint) uint64 { return 1<<(1<<order) - 1 }

// fixed says that a range touches what has its place from the header: nothing
// else may ever lie there.
func (im *Image) fixed(off, n int64) bool {
	h := &im.hdr
	for _, r := range [...][2]int64{
		{0, im.clusterSize},
		{h.L1TableOffset, int64(h.L1Size) * 8},
		{h.RefcountTableOffset, int64(h.RefcountTableCluster) << im.clusterBits},
		{h.SnapshotsOffset, int64(h.NbSnapshots) * snapshotEntrySize},
	} {
		if r[1] > 0 && off < r[0]+r[1] && r[0] < off+n {
			return true
		}
	}
	return false
}

// refBlockLocked is the refcount block for a cluster, or nil where there is
// none: the cluster is free then. mu is held for writing.
func (im *Image) refBlockLocked(cluster int64) (*table, error) {
	i := cluster >> im.refBlockBits
	if i >= int64(len(im.refTable.entries)) {
		return nil, nil
	}
	off := im.refTable.entries[i] & refTableOffsetMask
	if off == 0 {
		return nil, nil
	}
	if off > maxHostOffset {
		return nil, im.corruptLocked("a refcount block at %#x", off)
	}
	return im.loadLocked(&im.refs, int64(off))
}

// refcountLocked is a cluster's refcount. mu is held for writing.
func (im *Image) refcountLocked(cluster int64) (uint64, error) {
	block, err := im.refBlockLocked(cluster)
	if block == nil || err != nil {
		return 0, err
	}
	return refGet(block.bytes, im.refOrder, cluster&(1<<im.refBlockBits-1)), nil
}

// setRefcountLocked sets the refcount of a cluster whose block is there. mu is
// held for writing.
func (im *Image) setRefcountLocked(block *table, cluster int64, v uint64) {
	i := cluster & (1<<im.refBlockBits - 1)
	refSet(block.bytes, im.refOrder, i, v)
	im.refs.mark(block, int(i<<im.refOrder>>3))
}

// increfLocked adds one to the refcounts of a run of clusters, or to none of
// them. mu is held for writing.
func (im *Image) increfLocked(r run) error {
	for i := range r.n {
		if err := im.incref1Locked(r.first + i); err != nil {
			if i > 0 {
				_ = im.decrefLocked(run{r.first, i}) // they are in memory, and not zero
			}
			return err
		}
	}
	return nil
}

func (im *Image) incref1Locked(cluster int64) error {
	block, err := im.refBlockLocked(cluster)
	if err == nil && block == nil {
		block, err = im.newRefBlockLocked(cluster)
	}
	if err != nil {
		return err
	}
	v := refGet(block.bytes, im.refOrder, cluster&(1<<im.refBlockBits-1))
	if v == refMax(im.refOrder) {
		return fmt.Errorf("cluster %d has %d references, and its refcount is full", cluster, v)
	}
	im.setRefcountLocked(block, cluster, v+1)
	im.touched++
	im.changedLocked()
	return nil
}

// decrefLocked takes one from the refcounts of a run of clusters. mu is held for
// writing.
func (im *Image) decrefLocked(r run) error {
	for i := range r.n {
		block, err := im.refBlockLocked(r.first + i)
		if err != nil {
			return err
		}
		if block == nil {
			return im.corruptLocked("cluster %d was in use and has no refcount", r.first+i)
		}
		v := refGet(block.bytes, im.refOrder, (r.first+i)&(1<<im.refBlockBits-1))
		if v == 0 {
			return im.corruptLocked("cluster %d was in use with refcount 0", r.first+i)
		}
		im.setRefcountLocked(block, r.first+i, v-1)
	}
	return nil
}

// newRefBlockLocked makes the refcount block for a cluster. It may lie in a
// cluster that it counts itself. mu is held for writing.
func (im *Image) newRefBlockLocked(cluster int64) (*table, error) {
	i := cluster >> im.refBlockBits
	if i >= int64(len(im.refTable.entries)) {
		if err := im.growRefTableLocked(i + 1); err != nil {
			return nil, err
		}
		// The new table's own clusters may have brought the block.
		if block, err := im.refBlockLocked(cluster); block != nil || err != nil {
			return block, err
		}
	}
	at, err := im.reserve1Locked()
	if err != nil {
		return nil, err
	}
	block := newTable(at.first<<im.clusterBits, make([]byte, im.clusterSize))
	im.refs.put(block)
	im.refs.markAll(block)
	im.refTable.set(int(i), uint64(block.off))
	// Where the block counts others only, its own block may have to be made as
	// well, further on; this ends as soon as one counts itself.
	if err := im.countHeldLocked(at); err != nil {
		im.refTable.set(int(i), 0)
		im.refs.drop(block.off)
		return nil, err
	}
	return block, nil
}

// growRefTableLocked gives the refcount table a new place with room for at least
// n entries. mu is held for writing.
func (im *Image) growRefTableLocked(n int64) error {
	old := run{im.hdr.RefcountTableOffset >> im.clusterBits, int64(im.hdr.RefcountTableCluster)}
	perCluster := im.clusterSize / 8
	clusters := max((n+perCluster-1)/perCluster, old.n+(old.n+1)/2)
	if clusters<<im.clusterBits > max(maxRefTableBytes, im.clusterSize) {
		clusters = (n + perCluster - 1) / perCluster
	}
	if clusters<<im.clusterBits > max(maxRefTableBytes, im.clusterSize) {
		return fmt.Errorf("the refcount table would have %d bytes: a format with larger clusters is needed", clusters<<im.clusterBits)
	}
	at, err := im.reserveAtEndLocked(clusters)
	if err != nil {
		return err
	}
	was, offset, size := im.refTable, im.hdr.RefcountTableOffset, im.hdr.RefcountTableCluster
	entries := make([]uint64, clusters*perCluster)
	copy(entries, was.entries)
	im.refTable = rootTable{entries: entries, moved: true}
	im.hdr.RefcountTableOffset = at.first << im.clusterBits
	im.hdr.RefcountTableCluster = uint32(clusters)
	if err := im.countHeldLocked(at); err != nil {
		// Back to the old one, with the blocks that were made meanwhile.
		for i, entry := range im.refTable.entries[:len(was.entries)] {
			if was.entries[i] != entry {
				was.set(i, entry)
			}
		}
		im.refTable, im.hdr.RefcountTableOffset, im.hdr.RefcountTableCluster = was, offset, size
		return err
	}
	im.freeLocked(old)
	return nil
}
