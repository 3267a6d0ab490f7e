package qcow2

import (
	"fmt"
)

// Report is what a check of an image's tables found.
type Report struct {
	// Errors may cost data: what is used with a refcount that is too small, or
	// used as two things at once. Leaks cost space: what counts as used by more
	// than use it.
	Errors, Leaks int64
	// Messages say the first few of both.
	Messages []string
}

const (
	maxMessages = 20
	// maxCheckedClusters bounds the memory of a check to 512 MiB.
	maxCheckedClusters = 1 << 28
	// maxCheckedBytes bounds the tables that a check reads: those of a disk of
	// 128 TiB with clusters of 64 KiB. An image may name one table many times.
	maxCheckedBytes = 16 << 30
)

func (r *Report) error(format string, args ...any) {
	r.Errors++
	r.message("error: "+format, args...)
}

func (r *Report) leak(format string, args ...any) {
	r.Leaks++
	r.message("leak: "+format, args...)
}

func (r *Report) message(format string, args ...any) {
	if len(r.Messages) < maxMessages {
		r.Messages = append(r.Messages, fmt.Sprintf(format, args...))
	}
}

// Check compares an image's refcounts with what its tables refer to. f stays
// the caller's, and nobody may write to it meanwhile.
func Check(f File) (*Report, error) {
	h, err := ReadHeader(f)
	if err != nil {
		return nil, err
	}
	h.BackingFile = "" // its content is not looked at
	im, err := open(f, h, Options{ReadOnly: true})
	if err == nil {
		var r *Report
		if r, _, err = im.checkTables(); err == nil {
			return r, nil
		}
	}
	return nil, fmt.Errorf("disk %q: check: %w", f.Name(), err)
}

// checker counts references.
type checker struct {
	im     *Image
	report *Report
	// counts are what the tables refer to, by cluster, as far as 16 bits go.
	counts []uint16
	bytes  int64 // of L2 tables read
}

// checkTables walks through all tables and compares. counts are the refcounts
// as they should be.
func (im *Image) checkTables() (*Report, []uint16, error) {
	im.mu.Lock()
	defer im.mu.Unlock()
	clusters := im.space.end >> im.clusterBits
	if clusters > maxCheckedClusters {
		return nil, nil, fmt.Errorf("%d clusters, more than %d: qemu-img check has to do it", clusters, maxCheckedClusters)
	}
	c := &checker{im: im, report: new(Report), counts: make([]uint16, clusters)}
	if err := c.count(); err != nil {
		return nil, nil, err
	}
	if err := c.compare(); err != nil {
		return nil, nil, err
	}
	return c.report, c.counts, nil
}

// add counts a reference to each cluster of a range of bytes.
func (c *checker) add(off, n int64, what string) {
	if n == 0 {
		return
	}
	first, last := off>>c.im.clusterBits, (off+n-1)>>c.im.clusterBits
	if off < 0 || last >= int64(len(c.counts)) {
		c.report.error("%s at %#x: past the end of the file", what, off)
		return
	}
	for i := first; i <= last; i++ {
		if c.counts[i] < 1<<16-1 {
			c.counts[i]++
		}
	}
}

func (c *checker) count() error {
	im, h := c.im, &c.im.hdr
	c.add(0, im.clusterSize, "the header")
	c.add(h.RefcountTableOffset, int64(h.RefcountTableCluster)<<im.clusterBits, "the refcount table")
	for _, entry := range im.refTable.entries {
		if off := entry & refTableOffsetMask; off != 0 {
			c.addCluster(off, "a refcount block")
		}
	}
	if err := c.countL1(im.l1.entries, h.L1TableOffset); err != nil {
		return err
	}
	snapshots, n, err := im.snapshots()
	if err != nil {
		return err
	}
	c.add(h.SnapshotsOffset, n, "the snapshot table")
	for _, s := range snapshots {
		p := make([]byte, int64(s.l1Size)*8)
		if err := im.f.ReadAt(p, s.l1Offset); err != nil {
			return err
		}
		if err := c.countL1(decode64(p), s.l1Offset); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) addCluster(off uint64, what string) bool {
	if off&uint64(c.im.clusterSize-1) != 0 || off > maxHostOffset {
		c.report.error("%s at %#x: not a cluster", what, off)
		return false
	}
	c.add(int64(off), c.im.clusterSize, what)
	return int64(off) <= c.im.space.end-c.im.clusterSize
}

func (c *checker) countL1(entries []uint64, off int64) error {
	im := c.im
	c.add(off, int64(len(entries))*8, "an L1 table")
	p := make([]byte, im.clusterSize)
	for _, l1 := range entries {
		if l1&offsetMask == 0 || !c.addCluster(l1&offsetMask, "an L2 table") {
			continue
		}
		if c.bytes += im.clusterSize; c.bytes > maxCheckedBytes {
			return malformed("more than %d bytes of L2 tables", int64(maxCheckedBytes))
		}
		if err := im.f.ReadAt(p, hostOffset(l1)); err != nil {
			return err
		}
		t := table{bytes: p}
		for i := range 1 << im.l2Bits {
			entry := t.entry(i)
			switch kindOf(entry) {
			case data, zeroAllocated:
				c.addCluster(entry&offsetMask, "data")
			case compressed:
				off, n := compressedRange(entry, im.clusterBits)
				// The last sector's cluster counts even where the file ends
				// before it.
				c.add(off, min(n, max(im.space.end-off, 1)), "compressed data")
			}
		}
	}
	return nil
}

// compare holds the refcounts to the counts, and the flags of the active tables
// to the refcounts.
func (c *checker) compare() error {
	im := c.im
	for i, want := range c.counts {
		got, err := im.refcountLocked(int64(i))
		switch {
		case err != nil:
			return err
		case got < uint64(want):
			c.report.error("cluster %d: refcount %d, references %d", i, got, want)
		case got > uint64(want) && want < 1<<16-1:
			c.report.leak("cluster %d: refcount %d, references %d", i, got, want)
		}
	}
	t := newTable(0, make([]byte, im.clusterSize))
	for i, l1 := range im.l1.entries {
		if l1&offsetMask == 0 || hostOffset(l1) > im.space.end-im.clusterSize || l1&offsetMask&uint64(im.clusterSize-1) != 0 {
			continue
		}
		if err := c.flag("L1", int64(i), l1); err != nil {
			return err
		}
		if err := im.f.ReadAt(t.bytes, hostOffset(l1)); err != nil {
			return err
		}
		for j := range 1 << im.l2Bits {
			entry := t.entry(j)
			if k := kindOf(entry); k != data && k != zeroAllocated {
				continue
			}
			if err := c.flag("L2", int64(i)<<im.l2Bits+int64(j), entry); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *checker) flag(what string, i int64, entry uint64) error {
	v, err := c.im.refcountLocked(hostOffset(entry) >> c.im.clusterBits)
	if err == nil && (v == 1) != (entry&flagCopied != 0) {
		c.report.error("%s entry %d is %#x, and the refcount is %d", what, i, entry, v)
	}
	return err
}
