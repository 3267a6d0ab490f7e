package control

import "os"

// SaveFiles are what a machine is saved into. The files are empty, and open for
// reading and writing; whoever opened them syncs them.
type SaveFiles struct {
	State  *os.File
	Memory *os.File // as long as RAM then, with holes where that is zero
	Sums   *os.File // the checksums of Memory
	Map    *os.File // which pages Memory has; nil unless it is over another's
}

// Over is the snapshot whose memory another's is written over: it has only the pages
// that may differ.
type Over struct {
	// Snapshot is what Save was told to track.
	Snapshot string `json:"snapshot"`
	// Origin says that the machine went on from that snapshot: what is not tracked
	// is found out by what of its memory is its own.
	Origin bool `json:"origin,omitempty"`
}

// PrecopyOptions say how memory is written while the machine runs.
type PrecopyOptions struct {
	Over *Over `json:"over,omitempty"` // nil for all of memory
}

// Precopied is what was written so.
type Precopied struct {
	Passes int   `json:"passes"`
	Left   int64 `json:"left"` // bytes that had changed again after the last pass
}

// SaveOptions say how a machine is saved.
type SaveOptions struct {
	// Live has only those pages written that have changed since Precopy, which has
	// the file of the memory. The checksums are for SaveSums.
	Live bool `json:"live,omitempty"`

	Over *Over `json:"over,omitempty"` // nil for all of memory; with Live that of Precopy counts

	// Track has the machine log the pages that change from here on, so that another
	// snapshot can be over this one, which is called so.
	Track string `json:"track,omitempty"`
}

// Saved is what was written.
type Saved struct {
	Memory   int64  `json:"memory"`    // bytes of the memory file that are no holes; 0 with Live
	Digest   string `json:"digest"`    // SHA-256 of the checksums' file; empty with Live
	State    int64  `json:"state"`     // bytes of the state's file
	StateSum string `json:"state_sum"` // SHA-256 of it
	TSCKHz   uint32 `json:"tsc_khz"`   // of the guest's time-stamp counter
}

// Summed is what SaveSums has found.
type Summed struct {
	Memory int64  `json:"memory"` // bytes of the memory file that are no holes
	Digest string `json:"digest"` // SHA-256 of the checksums' file
}
