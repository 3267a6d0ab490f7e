package qcow2

import (
	"slices"
	"sync/atomic"
)

// limbo holds clusters that no table in memory refers to any more, and that are
// not free yet, for two reasons:
//
//   - the tables in the file still refer to them: until those are committed, a
//     crash would find somebody else's data in them;
//   - a request that found them in a table before may still read or write them.
//
// For the second, every request counts itself in while it holds mu (a read lock
// will do), under the epoch of that moment, and out when its data is
// transferred. A commit that takes the clusters turns the epoch; once the old
// one's count is zero, nobody can know them.
type limbo struct {
	epoch    int
	inflight [2]atomic.Int64
	frees    []run // since the last commit that took them
	batch    []run // taken by a commit; the epoch before this one knew them
	durable  bool  // and that commit succeeded
}

// maxLimbo is how many runs wait before a request commits for itself.
const maxLimbo = 1 << 16

// pin counts a request in. mu is held, for reading at least.
func (l *limbo) pin() *atomic.Int64 {
	n := &l.inflight[l.epoch]
	n.Add(1)
	return n
}

func unpin(n *atomic.Int64) { n.Add(-1) }

// freeLocked gives up one reference to each cluster of a run. mu is held for
// writing.
func (im *Image) freeLocked(r run) {
	l := &im.limbo
	if k := len(l.frees); k > 0 && l.frees[k-1].first+l.frees[k-1].n == r.first {
		l.frees[k-1].n += r.n
	} else {
		l.frees = append(l.frees, r)
	}
	im.changedLocked()
}

// freeEntryLocked gives up what an L2 entry refers to. mu is held for writing.
func (im *Image) freeEntryLocked(entry uint64) {
	switch kindOf(entry) {
	case data, zeroAllocated:
		im.freeLocked(run{hostOffset(entry) >> im.clusterBits, 1})
	case compressed:
		off, n := compressedRange(entry, im.clusterBits)
		first := off >> im.clusterBits
		im.freeLocked(run{first, (off+n-1)>>im.clusterBits - first + 1})
	}
}

// take is the part of a commit that takes the clusters: those given up so far
// will be free once the tables as they are now are in the file. mu is held for
// writing.
func (l *limbo) take() {
	if len(l.batch) > 0 || len(l.frees) == 0 {
		return
	}
	l.batch, l.frees = l.frees, nil
	l.durable = false
	// The other epoch's count is zero: it was when the last batch went, and
	// nobody has counted in under it since.
	l.epoch = 1 - l.epoch
}

// reap frees what a commit has taken, if nobody can know it any more. Commits
// call it one at a time. A hole is made before the cluster counts as free: after
// that, it may be somebody else's.
func (im *Image) reap() error {
	im.mu.Lock()
	l := &im.limbo
	if !l.durable || len(l.batch) == 0 || l.inflight[1-l.epoch].Load() != 0 {
		im.mu.Unlock()
		return nil
	}
	batch := mergeRuns(l.batch)
	var holes []run
	for _, r := range batch {
		for c := r.first; c < r.first+r.n; c++ {
			v, err := im.refcountLocked(c)
			if err != nil {
				im.mu.Unlock()
				return err
			}
			if v != 1 {
				continue
			}
			if k := len(holes); k > 0 && holes[k-1].first+holes[k-1].n == c {
				holes[k-1].n++
			} else {
				holes = append(holes, run{c, 1})
			}
		}
	}
	im.mu.Unlock()

	for _, r := range holes {
		// A hint: without the hole, the space is the image's until it is used
		// again.
		_ = im.f.Discard(r.first<<im.clusterBits, r.n<<im.clusterBits)
	}

	im.mu.Lock()
	defer im.mu.Unlock()
	l.batch, l.durable = nil, false
	for _, r := range batch {
		if err := im.decrefLocked(r); err != nil {
			return err
		}
	}
	for _, r := range holes {
		im.releaseLocked(r)
	}
	im.changedLocked()
	return nil
}

// mergeRuns sorts runs and joins neighbours. Where they overlap, a cluster that
// was given up twice stays there twice.
func mergeRuns(runs []run) []run {
	slices.SortFunc(runs, func(a, b run) int { return int(min(max(a.first-b.first, -1), 1)) })
	out := runs[:0]
	for _, r := range runs {
		if k := len(out); k > 0 && out[k-1].first+out[k-1].n == r.first {
			out[k-1].n += r.n
		} else {
			out = append(out, r)
		}
	}
	return out
}
