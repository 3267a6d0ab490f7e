package qcow2

import (
	"math"

	"golang.org/x/sys/unix"
)

// run is a number of clusters of the file that lie beside each other.
type run struct{ first, n int64 }

// space knows where clusters are free. A refcount says so; what is here only
// makes it quick to find one.
type space struct {
	// end is where clusters have never been used, in bytes and whole clusters:
	// they are past the end of the file, and read as zeroes.
	end int64
	// limit is as far as the file can grow.
	limit int64
	// fixedSize says that the file does not end where its clusters do, so that
	// nothing is known of the clusters beyond.
	fixedSize bool
	cursor    int64 // the cluster at which the next search starts
	free      []run // clusters that have become free
	// held are clusters that a search has given away and that are being
	// counted: counting them may take a search of its own.
	held []run
}

const (
	// searchBudget is how many clusters one search looks at before it goes to
	// the end of the file, so that no request waits for a walk through all.
	searchBudget = 1 << 16
	maxFreeRuns  = 4096
)

func (s *space) init(f File, clusterSize int64) {
	s.end = (f.Size() + clusterSize - 1) &^ (clusterSize - 1)
	s.limit = maxHostOffset &^ (clusterSize - 1)
	if f.Block() {
		s.end = f.Size() &^ (clusterSize - 1)
		s.limit = s.end
		s.fixedSize = true
	}
}

// reserveLocked finds up to n free clusters beside each other. They stay free
// until their refcounts say otherwise: the caller adds them to what is pending,
// or holds them until they are counted. zero says that they read as zeroes.
// mu is held for writing.
func (im *Image) reserveLocked(n int64) (r run, zero bool, err error) {
	r, err = im.reserveFreedLocked(n)
	if r.n == 0 && err == nil {
		r, err = im.searchLocked(n)
	}
	if r.n == 0 && err == nil {
		r, err = im.reserveAtEndLocked(n)
		zero = !im.space.fixedSize
	}
	if err == nil && im.fixed(r.first<<im.clusterBits, r.n<<im.clusterBits) {
		err = im.corruptLocked("cluster %d holds tables, and counts as free", r.first)
	}
	return r, zero, err
}

// reserve1Locked is reserveLocked for one cluster of tables. mu is held for
// writing.
func (im *Image) reserve1Locked() (run, error) {
	r, _, err := im.reserveLocked(1)
	return r, err
}

// countHeldLocked counts clusters that a search has given away just now. mu is
// held for writing.
func (im *Image) countHeldLocked(r run) error {
	s := &im.space
	s.held = append(s.held, r)
	err := im.increfLocked(r)
	s.held = s.held[:len(s.held)-1]
	return err
}

// reserveFreedLocked takes from what has become free. mu is held for writing.
func (im *Image) reserveFreedLocked(n int64) (run, error) {
	s := &im.space
	for len(s.free) > 0 {
		last := &s.free[len(s.free)-1]
		r, err := im.freeRunLocked(last.first, min(n, last.n))
		if err != nil {
			return run{}, err
		}
		used := max(r.n, 1) // a cluster that the search has given away is passed over
		last.first += used
		last.n -= used
		if last.n == 0 {
			s.free = s.free[:len(s.free)-1]
		}
		if r.n > 0 {
			return r, nil
		}
	}
	return run{}, nil
}

// searchLocked goes on through the file from where the last search ended. mu is
// held for writing.
func (im *Image) searchLocked(n int64) (run, error) {
	s := &im.space
	budget := searchBudget
	if s.fixedSize {
		budget = math.MaxInt // there is no end to go to
	}
	for ; budget > 0; budget-- {
		left := s.end>>im.clusterBits - s.cursor
		if left <= 0 {
			break
		}
		r, err := im.freeRunLocked(s.cursor, min(n, left))
		if err != nil {
			return run{}, err
		}
		s.cursor += max(r.n, 1)
		if r.n > 0 {
			return r, nil
		}
	}
	return run{}, nil
}

// reserveAtEndLocked takes n clusters, and on a device what is left of them,
// where none have been used. mu is held for writing.
func (im *Image) reserveAtEndLocked(n int64) (run, error) {
	s := &im.space
	for range searchBudget {
		first := s.end >> im.clusterBits
		if s.end+n<<im.clusterBits > s.limit {
			return run{}, unix.ENOSPC
		}
		r, err := im.freeRunLocked(first, n)
		if err != nil {
			return run{}, err
		}
		if r.n == n {
			s.end += n << im.clusterBits
			if s.cursor == first {
				s.cursor += n
			}
			return r, nil
		}
		// Refcounts that speak of clusters past the end: pass over them.
		s.end += (r.n + 1) << im.clusterBits
	}
	return run{}, im.corruptLocked("clusters past the end of the file are in use")
}

// freeRunLocked is how much of n clusters from first on is free. mu is held for
// writing.
func (im *Image) freeRunLocked(first, n int64) (run, error) {
	r := run{first, 0}
	for r.n < n {
		c := first + r.n
		v, err := im.refcountLocked(c)
		if err != nil {
			return run{}, err
		}
		if v != 0 || im.reservedLocked(c) {
			break
		}
		r.n++
	}
	return r, nil
}

// reservedLocked says that somebody has the cluster who has not counted it yet.
// mu is held for writing.
func (im *Image) reservedLocked(cluster int64) bool {
	for _, r := range im.space.held {
		if cluster >= r.first && cluster < r.first+r.n {
			return true
		}
	}
	for _, p := range im.pending {
		if cluster >= p.host.first && cluster < p.host.first+p.host.n {
			return true
		}
	}
	return false
}

// releaseLocked takes note of clusters that are free. mu is held for writing.
func (im *Image) releaseLocked(r run) {
	s := &im.space
	if k := len(s.free); k > 0 && s.free[k-1].first+s.free[k-1].n == r.first {
		s.free[k-1].n += r.n
		return
	}
	if len(s.free) < maxFreeRuns {
		s.free = append(s.free, r)
		return
	}
	s.cursor = min(s.cursor, r.first)
}
