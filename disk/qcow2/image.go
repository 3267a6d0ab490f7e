package qcow2

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// File is where an image lies: what hostfile.File does.
type File interface {
	Readv(iov []unix.Iovec, off int64) error // zeroes past the end
	Writev(iov []unix.Iovec, off int64) error
	ReadAt(p []byte, off int64) error
	WriteAt(p []byte, off int64) error
	Discard(off, n int64) error
	Sync() error
	Truncate(size int64) error
	Size() int64
	Block() bool // its size is not the image's to change
	Name() string
	Close() error
}

// Backing is the image under an image. It is only read.
type Backing interface {
	Size() int64
	Readv(iov []unix.Iovec, off int64) error
	Close() error
}

// Options say how an image is opened.
type Options struct {
	ReadOnly bool
	// Backing is the image that the header's backing file names; the Image owns
	// it. It has to be there exactly where the header names one.
	Backing Backing
	// CacheBytes bounds the memory for L2 tables, and for refcount blocks a
	// quarter of it again. 0 is 16 MiB, enough for 128 GiB with clusters of
	// 64 KiB.
	CacheBytes int64
	// CommitInterval is how long a change of the tables stays in memory when
	// nobody flushes. 0 is 5 seconds, less than 0 is for ever.
	CommitInterval time.Duration
}

const (
	defaultCacheBytes     = 16 << 20
	defaultCommitInterval = 5 * time.Second
)

// Errors of an image that was open.
var (
	errClosed = errors.New("the image is closed")
	// ErrCorrupt says that the image's tables contradict each other. It is only
	// read from then on.
	ErrCorrupt = errors.New("the image is corrupt: see qemu-img check")
)

// Image is an open qcow2 image. doc.go says who may touch what, and in which
// order the file changes.
type Image struct {
	f        File
	backing  Backing // nil without one
	readOnly bool

	version      uint32
	clusterBits  uint
	clusterSize  int64
	l2Bits       uint // log2 of the entries of an L2 table
	refBlockBits uint // log2 of the entries of a refcount block
	refOrder     uint
	interval     time.Duration

	inflater inflater
	buffers  sync.Pool // of *[]byte, one cluster each

	size     atomic.Int64 // of the virtual disk
	resizing sync.Mutex   // held by the one that changes it

	// mu guards the tables. Reading them takes a read lock; data is read and
	// written without it.
	mu       sync.RWMutex
	hdr      Header
	l1       rootTable
	l2       cache
	refTable rootTable
	refs     cache
	space    space
	pending  []*pending // writes to clusters that have none yet
	limbo    limbo
	hdrDirty bool   // size, l1_size or l1_table_offset have changed
	touched  uint64 // counts refcounts that grew
	timer    *time.Timer
	corrupt  error
	closed   bool

	commits commits
}

// Open opens the image in f, which it owns from then on where it succeeds.
func Open(f File, o Options) (*Image, error) {
	h, err := ReadHeader(f)
	if err != nil {
		return nil, err
	}
	im, err := open(f, h, o)
	if err != nil {
		return nil, fmt.Errorf("disk %q: %w", f.Name(), err)
	}
	return im, nil
}

func open(f File, h *Header, o Options) (*Image, error) {
	if (h.BackingFile != "") != (o.Backing != nil) {
		return nil, fmt.Errorf("the backing file %q is not what was opened for it", h.BackingFile)
	}
	if h.IncompatibleFeatures&incompatCorrupt != 0 && !o.ReadOnly {
		return nil, ErrCorrupt
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = defaultCacheBytes
	}
	if o.CommitInterval == 0 {
		o.CommitInterval = defaultCommitInterval
	}
	clusterSize := int64(1) << h.ClusterBits
	im := &Image{
		f: f, backing: o.Backing, readOnly: o.ReadOnly,
		version: h.Version, clusterBits: h.ClusterBits, clusterSize: clusterSize,
		l2Bits: h.ClusterBits - 3, refBlockBits: h.refBlockBits(), refOrder: h.RefcountOrder,
		interval: o.CommitInterval,
		inflater: newInflater(h.CompressionType, int(clusterSize)),
		hdr:      *h,
	}
	im.buffers.New = func() any {
		p := make([]byte, clusterSize)
		return &p
	}
	im.size.Store((h.Size + 511) &^ 511)
	im.l2.init(max(2, int(o.CacheBytes>>h.ClusterBits)))
	im.refs.init(max(2, int(o.CacheBytes>>2>>h.ClusterBits)))
	im.space.init(f, clusterSize)
	if err := im.readTables(); err != nil {
		return nil, err
	}
	if !o.ReadOnly {
		if err := im.prepareForWriting(); err != nil {
			return nil, err
		}
	}
	return im, nil
}

// readTables reads the L1 table and the refcount table, whose sizes the header
// has been held to.
func (im *Image) readTables() error {
	p := make([]byte, int64(im.hdr.L1Size)*8)
	if err := im.f.ReadAt(p, im.hdr.L1TableOffset); err != nil {
		return fmt.Errorf("read the L1 table: %w", err)
	}
	im.l1.entries = decode64(p)
	p = make([]byte, int64(im.hdr.RefcountTableCluster)<<im.clusterBits)
	if err := im.f.ReadAt(p, im.hdr.RefcountTableOffset); err != nil {
		return fmt.Errorf("read the refcount table: %w", err)
	}
	im.refTable.entries = decode64(p)
	return nil
}

// prepareForWriting brings an image into the state that writing starts from:
// refcounts that are right, and no promise in its header that is not kept.
func (im *Image) prepareForWriting() error {
	if im.hdr.IncompatibleFeatures&incompatDirty != 0 {
		if err := im.repair(); err != nil {
			return fmt.Errorf("repair the refcounts of an image that was not closed: %w", err)
		}
	}
	if im.hdr.AutoclearFeatures != 0 {
		// Whatever they are, bitmaps among them: a write does not keep them up.
		im.hdr.AutoclearFeatures = 0
		if err := im.writeHeaderField(offAutoclear, 0); err != nil {
			return err
		}
	}
	return nil
}

// writeHeaderField writes one field of version 3 and makes it durable.
func (im *Image) writeHeaderField(off int64, v uint64) error {
	p := binary.BigEndian.AppendUint64(nil, v)
	if err := im.f.WriteAt(p, off); err != nil {
		return fmt.Errorf("write the header: %w", err)
	}
	if err := im.f.Sync(); err != nil {
		return fmt.Errorf("write the header: %w", err)
	}
	return nil
}

// Size is the virtual disk's length in bytes, in whole sectors.
func (im *Image) Size() int64 { return im.size.Load() }

// Close writes all that is in memory and closes the image and what is under
// it. No other call may be under way.
func (im *Image) Close() error {
	im.mu.Lock()
	if im.closed {
		im.mu.Unlock()
		return nil
	}
	im.closed = true
	if im.timer != nil {
		im.timer.Stop()
		im.timer = nil
	}
	im.mu.Unlock()

	var err error
	if !im.readOnly {
		// The second writes the refcounts of what the first made free.
		err = errors.Join(im.commit(0), im.commit(0))
		if err != nil {
			err = fmt.Errorf("disk %q: flush: %w", im.f.Name(), err)
		}
	}
	err = errors.Join(err, im.f.Close())
	if im.backing != nil {
		err = errors.Join(err, im.backing.Close())
	}
	return err
}

// corruptLocked notes a contradiction in the tables: the image is only read
// from now on, and says so to others. mu is held.
func (im *Image) corruptLocked(format string, args ...any) error {
	err := fmt.Errorf("%w: %s", ErrCorrupt, fmt.Sprintf(format, args...))
	if im.corrupt == nil && !im.readOnly {
		im.corrupt = err
		if im.version >= 3 {
			im.hdr.IncompatibleFeatures |= incompatCorrupt
			err = errors.Join(err, im.writeHeaderField(offIncompatible, im.hdr.IncompatibleFeatures))
		}
	}
	return err
}

// check judges a request before anything is done for it.
func (im *Image) check(off, n int64, write bool) error {
	if write && im.readOnly {
		return unix.EROFS
	}
	if size := im.Size(); off < 0 || n < 0 || n > size || off > size-n {
		return unix.EINVAL
	}
	return nil
}

func (im *Image) failed(what string, off, n int64, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("disk %q: %s %d bytes at %d: %w", im.f.Name(), what, n, off, err)
}

func decode64(p []byte) []uint64 {
	out := make([]uint64, len(p)/8)
	for i := range out {
		out[i] = binary.BigEndian.Uint64(p[i*8:])
	}
	return out
}

func encode64(entries []uint64) []byte {
	p := make([]byte, 0, len(entries)*8)
	for _, e := range entries {
		p = binary.BigEndian.AppendUint64(p, e)
	}
	return p
}
