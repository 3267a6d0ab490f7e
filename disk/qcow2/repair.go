package qcow2

import (
	"fmt"
	"math"
)

// repair makes the refcounts of an image right whose dirty bit is set: somebody
// had it open with lazy refcounts and did not close it. What counts is what the
// tables refer to. The image is not open for others yet.
func (im *Image) repair() error {
	_, counts, err := im.checkTables()
	if err != nil {
		return err
	}
	if err := im.setRefcounts(counts); err != nil {
		return err
	}
	if err := im.commit(math.MaxUint64); err != nil {
		return err
	}
	report, _, err := im.checkTables()
	if err != nil {
		return err
	}
	if report.Errors > 0 {
		return fmt.Errorf("%w: %s", ErrCorrupt, report.Messages[0])
	}
	im.hdr.IncompatibleFeatures &^= incompatDirty
	return im.writeHeaderField(offIncompatible, im.hdr.IncompatibleFeatures)
}

func (im *Image) setRefcounts(counts []uint16) error {
	im.mu.Lock()
	defer im.mu.Unlock()
	// Until they are right, what counts as free may not be: take new clusters
	// from the end only.
	im.space.cursor = im.space.end >> im.clusterBits
	for i, want := range counts {
		cluster := int64(i)
		block, err := im.refBlockLocked(cluster)
		if err == nil && block == nil && want > 0 {
			block, err = im.newRefBlockLocked(cluster)
		}
		if err != nil {
			return err
		}
		if block == nil {
			continue
		}
		if uint64(want) > refMax(im.refOrder) || want == math.MaxUint16 {
			return fmt.Errorf("cluster %d has %d references, and its refcount is full", cluster, want)
		}
		if refGet(block.bytes, im.refOrder, cluster&(1<<im.refBlockBits-1)) != uint64(want) {
			im.setRefcountLocked(block, cluster, uint64(want))
		}
	}
	im.space.cursor = 0
	return nil
}
