package qcow2

import (
	"bytes"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/zstd"
)

// inflatedClusters is how many decompressed clusters are kept: a guest reads a
// cluster in several requests.
const inflatedClusters = 4

// maxZstdWindow is the most memory that a compressed cluster may make the
// decoder take. QEMU's encoder never asks for more than a cluster, 2 MiB.
const maxZstdWindow = 8 << 20

// inflater decompresses clusters, and keeps the last few. What an L2 entry of a
// compressed cluster stands for does not change while some table has the entry:
// compressed clusters are only ever written by who made the image.
type inflater struct {
	zstd bool
	size int

	mu   sync.Mutex
	kept []*inflated // the last used at the end
}

// inflated is one cluster. Its mutex is held while it is being read or filled.
type inflated struct {
	mu     sync.Mutex
	entry  uint64
	filled bool
	bytes  []byte
}

func newInflater(compressionType byte, clusterSize int) inflater {
	return inflater{zstd: compressionType == compressionTypeZstd, size: clusterSize}
}

// with hands the content of a compressed cluster to do, which does not keep it.
func (f *inflater) with(im *Image, entry uint64, do func([]byte)) error {
	c := f.slot(entry)
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.filled {
		if c.bytes == nil {
			c.bytes = make([]byte, f.size)
		}
		if err := f.inflate(im, c.bytes, entry); err != nil {
			return err
		}
		c.filled = true
	}
	do(c.bytes)
	return nil
}

// slot is the kept cluster of an entry, or one to fill in place of the one that
// was not used for the longest.
func (f *inflater) slot(entry uint64) *inflated {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, c := range f.kept {
		if c.entry == entry {
			f.kept = append(append(f.kept[:i], f.kept[i+1:]...), c)
			return c
		}
	}
	if len(f.kept) == inflatedClusters {
		// Somebody may still read the one that goes: it stays as it is.
		f.kept = append(f.kept[:0], f.kept[1:]...)
	}
	c := &inflated{entry: entry}
	f.kept = append(f.kept, c)
	return c
}

func (f *inflater) inflate(im *Image, p []byte, entry uint64) error {
	off, n := compressedRange(entry, im.clusterBits)
	in := make([]byte, n)
	// The last sector may lie past the end of the file.
	if err := im.f.ReadAt(in, off); err != nil {
		return err
	}
	var err error
	if f.zstd {
		err = unzstd(p, in)
	} else {
		err = inflate(p, in)
	}
	if err != nil {
		return fmt.Errorf("compressed cluster at %#x: %w", off, err)
	}
	return nil
}

var inflaters = sync.Pool{New: func() any { return flate.NewReader(bytes.NewReader(nil)) }}

// inflate fills p from a raw deflate stream. The stream ends somewhere inside of
// in; what follows is not its.
func inflate(p, in []byte) error {
	r := inflaters.Get().(io.ReadCloser)
	defer inflaters.Put(r)
	if err := r.(flate.Resetter).Reset(bytes.NewReader(in), nil); err != nil {
		return err
	}
	_, err := io.ReadFull(r, p)
	return err
}

var unzstders = sync.Pool{New: func() any {
	// One at a time is without goroutines of its own.
	r, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxZstdWindow))
	if err != nil {
		return err
	}
	return r
}}

// unzstd is inflate for a zstd frame.
func unzstd(p, in []byte) error {
	got := unzstders.Get()
	r, ok := got.(*zstd.Decoder)
	if !ok {
		return got.(error)
	}
	defer unzstders.Put(r)
	if err := r.Reset(bytes.NewReader(in)); err != nil {
		return err
	}
	_, err := io.ReadFull(r, p)
	return err
}
