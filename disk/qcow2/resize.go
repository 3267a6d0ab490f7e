package qcow2

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Resize makes the disk larger, in whole sectors. What is new reads as zeroes,
// even where the backing file is larger than the disk was. It is durable when it
// returns.
func (im *Image) Resize(size int64) error {
	if err := im.resize(size); err != nil {
		return fmt.Errorf("disk %q: resize to %d bytes: %w", im.f.Name(), size, err)
	}
	return nil
}

func (im *Image) resize(size int64) error {
	im.resizing.Lock()
	defer im.resizing.Unlock()
	old := im.Size()
	switch {
	case im.readOnly:
		return unix.EROFS
	case size <= 0 || size%512 != 0 || size > maxL1Bytes/8<<(im.l2Bits+im.clusterBits):
		return unix.EINVAL
	case size < old:
		return errors.New("a qcow2 disk is made smaller by qemu-img resize --shrink only, offline")
	case size == old:
		return nil
	}
	if err := im.growL1(size, old); err != nil {
		return err
	}
	// The last cluster's rest, and what the backing file has there, have not
	// been the disk's so far.
	end := (old + im.clusterSize - 1) &^ (im.clusterSize - 1)
	if im.backing != nil {
		end = max(end, im.backing.Size())
	}
	if err := im.writeZeroes(old, min(end, size)-old, true); err != nil {
		return err
	}
	im.mu.Lock()
	im.hdr.Size = size
	im.hdrDirty = true
	im.size.Store(size)
	im.mu.Unlock()
	return im.commit(im.commits.started.Load() + 1)
}

// growL1 gives the L1 table room for a disk of size bytes. The header goes on
// to say the old size.
func (im *Image) growL1(size, old int64) error {
	im.mu.Lock()
	defer im.mu.Unlock()
	if im.closed {
		return errClosed
	}
	if im.corrupt != nil {
		return im.corrupt
	}
	if im.version < 3 && im.hdr.NbSnapshots > 0 {
		return errors.New("an image of version 2 with snapshots: they would not keep their size")
	}
	for _, entry := range im.l1.entries[l1Entries(old, im.clusterBits):] {
		if hostOffset(entry) != 0 {
			return errors.New("a machine's state is stored behind the disk")
		}
	}
	need := l1Entries(size, im.clusterBits)
	if need <= int64(len(im.l1.entries)) {
		return nil
	}
	was := run{im.hdr.L1TableOffset >> im.clusterBits, im.clustersFor(int64(im.hdr.L1Size) * 8)}
	at, err := im.reserveAtEndLocked(im.clustersFor(need * 8))
	if err != nil {
		return err
	}
	if err := im.countHeldLocked(at); err != nil {
		return err
	}
	entries := make([]uint64, need)
	copy(entries, im.l1.entries)
	im.l1 = rootTable{entries: entries, moved: true}
	im.hdr.L1TableOffset = at.first << im.clusterBits
	im.hdr.L1Size = uint32(need)
	im.hdrDirty = true
	if was.n > 0 {
		im.freeLocked(was)
	}
	return nil
}

// clustersFor is how many clusters n bytes take.
func (im *Image) clustersFor(n int64) int64 { return (n + im.clusterSize - 1) >> im.clusterBits }
