package qcow2

import (
	"math/rand/v2"
	"slices"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/disk/vectors"
)

const sector = 512

// memFile is a File in memory that knows which of its sectors a power cut may
// set back: every one to any state that it has had since the last Sync, each
// for itself, since a host writes its cache back in any order.
type memFile struct {
	mu    sync.Mutex
	bytes []byte
	// older are the states of sectors since the last Sync, the durable one
	// first; sizes are those of the file.
	older map[int64][][]byte
	sizes []int64
	block bool

	// before is called before each change and Sync, and may fail it.
	before func(sync bool) error
	// beforeRead and afterRead are called around each read.
	beforeRead, afterRead func()
	// most bounds the file; what lies beyond is ENOSPC.
	most int64
}

func newMemFile(p []byte) *memFile {
	return &memFile{bytes: p, older: make(map[int64][][]byte), most: 64 << 20}
}

func (f *memFile) Name() string { return "mem" }
func (f *memFile) Close() error { return nil }
func (f *memFile) Block() bool  { return f.block }

func (f *memFile) Size() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return int64(len(f.bytes))
}

func (f *memFile) ReadAt(p []byte, off int64) error {
	if before := f.beforeRead; before != nil {
		before()
	}
	if after := f.afterRead; after != nil {
		defer after()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	if off < int64(len(f.bytes)) {
		n = copy(p, f.bytes[off:])
	}
	clear(p[n:])
	return nil
}

func (f *memFile) Readv(iov []unix.Iovec, off int64) error {
	p := make([]byte, vectors.Len(iov))
	err := f.ReadAt(p, off)
	vectors.CopyTo(iov, p)
	return err
}

func (f *memFile) Writev(iov []unix.Iovec, off int64) error {
	p := make([]byte, vectors.Len(iov))
	vectors.CopyFrom(p, iov)
	return f.WriteAt(p, off)
}

func (f *memFile) WriteAt(p []byte, off int64) error {
	if err := f.hook(false); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	end := off + int64(len(p))
	if end > f.most || f.block && end > int64(len(f.bytes)) {
		return unix.ENOSPC
	}
	f.resize(max(end, int64(len(f.bytes))))
	f.keep(off, int64(len(p)))
	copy(f.bytes[off:], p)
	return nil
}

func (f *memFile) Discard(off, n int64) error {
	if err := f.hook(false); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	n = min(n, int64(len(f.bytes))-off)
	if n > 0 {
		f.keep(off, n)
		clear(f.bytes[off : off+n])
	}
	return nil
}

func (f *memFile) Truncate(size int64) error {
	if err := f.hook(false); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if size > f.most || f.block {
		return unix.ENOSPC
	}
	f.resize(size)
	return nil
}

func (f *memFile) Sync() error {
	if err := f.hook(true); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.older)
	f.sizes = nil
	return nil
}

func (f *memFile) hook(sync bool) error {
	if f.before == nil {
		return nil
	}
	return f.before(sync)
}

func (f *memFile) resize(size int64) {
	if size == int64(len(f.bytes)) {
		return
	}
	f.sizes = append(f.sizes, int64(len(f.bytes)))
	if size < int64(len(f.bytes)) {
		clear(f.bytes[size:])
		f.bytes = f.bytes[:size]
		return
	}
	f.bytes = slices.Grow(f.bytes, int(size)-len(f.bytes))
	f.bytes = f.bytes[:size]
}

// keep remembers the sectors of a range as they are now.
func (f *memFile) keep(off, n int64) {
	for s := off / sector; s*sector < off+n; s++ {
		at := s * sector
		was := slices.Clone(f.bytes[at:min(at+sector, int64(len(f.bytes)))])
		f.older[s] = append(f.older[s], was)
	}
}

// afterPowerCut is what the disk may hold if the host loses power now.
func (f *memFile) afterPowerCut(r *rand.Rand) []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := slices.Clone(f.bytes)
	stale := r.IntN(4) // how likely a sector is as it is now
	for s, states := range f.older {
		if k := r.IntN(len(states) + stale); k < len(states) {
			copy(p[min(s*sector, int64(len(p))):], states[k])
		}
	}
	if k := r.IntN(len(f.sizes) + 1); k < len(f.sizes) {
		// A size that is not durable goes with the data past it.
		p = slices.Grow(p[:min(int64(len(p)), f.sizes[k])], 0)
	}
	return p
}

// afterKill is what the file holds if the process ends now.
func (f *memFile) afterKill() []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.bytes)
}
