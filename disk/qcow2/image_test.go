package qcow2

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/disk/vectors"
)

func write1(t testing.TB, im *Image, off int64, b byte, n int) {
	t.Helper()
	if err := im.Writev(vectors.Of(nil, bytes.Repeat([]byte{b}, n)), off); err != nil {
		t.Fatal(err)
	}
}

func want1(t testing.TB, im *Image, off int64, b byte, n int) {
	t.Helper()
	p := make([]byte, n)
	if err := im.Readv(vectors.Of(nil, p), off); err != nil {
		t.Fatal(err)
	}
	if want := bytes.Repeat([]byte{b}, n); !bytes.Equal(p, want) {
		t.Errorf("%d bytes at %d are not all %#x", n, off, b)
	}
}

func openMem(t testing.TB, f *memFile, o Options) *Image {
	t.Helper()
	im, err := Open(f, o)
	if err != nil {
		t.Fatal(err)
	}
	return im
}

func closeMem(t testing.TB, im *Image) {
	t.Helper()
	if err := im.Close(); err != nil {
		t.Fatal(err)
	}
}

var small = CreateOptions{Size: 1 << 24, ClusterSize: 4096}

func TestRequestsOutsideTheDisk(t *testing.T) {
	im := openMem(t, emptyImage(t, small, 4), Options{})
	defer closeMem(t, im)
	p := make([]byte, 1024)
	for _, off := range []int64{-1, -512, math.MinInt64, 1 << 24, 1<<24 - 512, math.MaxInt64, math.MaxInt64 - 1023} {
		for what, err := range map[string]error{
			"read":         im.Readv(vectors.Of(nil, p), off),
			"write":        im.Writev(vectors.Of(nil, p), off),
			"discard":      im.Discard(off, 1024),
			"write zeroes": im.WriteZeroes(off, 1024, true),
		} {
			if !errors.Is(err, unix.EINVAL) {
				t.Errorf("%s at %d: %v", what, off, err)
			}
		}
	}
	for _, n := range []int64{-1, math.MaxInt64, math.MinInt64} {
		if err := im.Discard(512, n); !errors.Is(err, unix.EINVAL) {
			t.Errorf("discard of %d: %v", n, err)
		}
	}
	if err := im.Readv(nil, 1<<24); err != nil {
		t.Errorf("nothing at the end: %v", err)
	}
}

func TestReadOnlyImagesRefuseChanges(t *testing.T) {
	f := emptyImage(t, small, 4)
	im := openMem(t, f, Options{ReadOnly: true})
	f.before = func(bool) error {
		t.Error("the file was written or synced")
		return nil
	}
	p := make([]byte, 512)
	for what, err := range map[string]error{
		"write":        im.Writev(vectors.Of(nil, p), 0),
		"discard":      im.Discard(0, 4096),
		"write zeroes": im.WriteZeroes(0, 4096, false),
		"resize":       im.Resize(1 << 25),
	} {
		if !errors.Is(err, unix.EROFS) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := im.Flush(); err != nil {
		t.Errorf("flush: %v", err)
	}
	closeMem(t, im)
}

func TestClosedImagesRefuseAll(t *testing.T) {
	im := openMem(t, emptyImage(t, small, 4), Options{})
	closeMem(t, im)
	p := make([]byte, 512)
	for what, err := range map[string]error{
		"read": im.Readv(vectors.Of(nil, p), 0), "write": im.Writev(vectors.Of(nil, p), 0),
		"discard": im.Discard(0, 4096), "flush": im.Flush(), "resize": im.Resize(1 << 25),
	} {
		if !errors.Is(err, errClosed) {
			t.Errorf("%s: %v", what, err)
		}
	}
	closeMem(t, im)
}

func TestDiscardGivesClustersBack(t *testing.T) {
	f := emptyImage(t, small, 4)
	im := openMem(t, f, Options{CommitInterval: -1})
	write1(t, im, 0, 1, 1<<20)
	if err := im.Flush(); err != nil {
		t.Fatal(err)
	}
	size := f.Size()
	for range 20 {
		if err := im.Discard(0, 1<<20); err != nil {
			t.Fatal(err)
		}
		want1(t, im, 0, 0, 1<<20)
		if err := im.Flush(); err != nil {
			t.Fatal(err)
		}
		write1(t, im, 0, 2, 1<<20)
		if err := im.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if grown := f.Size() - size; grown > 1<<20 {
		t.Errorf("the file grew by %d bytes: clusters were not used again", grown)
	}
	closeMem(t, im)
}

func TestZeroClustersThatKeepTheirPlace(t *testing.T) {
	f := emptyImage(t, small, 4)
	im := openMem(t, f, Options{CommitInterval: -1})
	write1(t, im, 0, 1, 4*4096)
	size := f.Size()
	if err := im.WriteZeroes(0, 4*4096, false); err != nil {
		t.Fatal(err)
	}
	want1(t, im, 0, 0, 4*4096)
	write1(t, im, 4096+512, 3, 4096)
	want1(t, im, 0, 0, 4096+512)
	want1(t, im, 4096+512, 3, 4096)
	want1(t, im, 2*4096+512, 0, 2*4096-512)
	if f.Size() != size {
		t.Errorf("the file grew from %d to %d bytes", size, f.Size())
	}
	closeMem(t, im)
	if leaks, err := noErrors(f); leaks > 0 || err != nil {
		t.Errorf("%d leaks, %v", leaks, err)
	}
}

// The zeroes around a small write into a new cluster are not written where the
// file has not been yet.
func TestNewClustersAtTheEndAreNotPadded(t *testing.T) {
	f := emptyImage(t, CreateOptions{Size: 1 << 30, ClusterSize: 2 << 20}, 4)
	im := openMem(t, f, Options{CommitInterval: -1})
	end := f.Size()
	write1(t, im, 5<<20+512, 1, 512)
	if got, want := f.Size()-end, int64(1<<20+1024); got != want {
		t.Errorf("the file grew by %d bytes, want %d", got, want)
	}
	closeMem(t, im)
}

func TestFullHost(t *testing.T) {
	f := emptyImage(t, small, 4)
	f.most = 1 << 20
	im := openMem(t, f, Options{CommitInterval: -1})
	p := bytes.Repeat([]byte{7}, 4096)
	off := int64(0)
	for ; off < 2<<20; off += 4096 {
		if err := im.Writev(vectors.Of(nil, p), off); err != nil {
			if !errors.Is(err, unix.ENOSPC) {
				t.Fatal(err)
			}
			break
		}
	}
	if off < 1<<19 || off >= 1<<20 {
		t.Errorf("full after %d bytes", off)
	}
	want1(t, im, off, 0, 4096)
	// What has its place can be written, and what is given up is used again,
	// once the tables are in the file: they need a little room themselves.
	write1(t, im, 0, 8, 4096)
	f.most += 64 << 10
	if err := im.Discard(4096, 1<<18); err != nil {
		t.Fatal(err)
	}
	if err := im.Flush(); err != nil {
		t.Fatal(err)
	}
	f.most -= 32 << 10
	write1(t, im, off, 9, 4096)
	f.most += 32 << 10
	closeMem(t, im)
	if leaks, err := noErrors(f); leaks > 0 || err != nil {
		t.Errorf("%d leaks, %v", leaks, err)
	}
}

func TestChangesReachTheFileWithoutAFlush(t *testing.T) {
	f := emptyImage(t, small, 4)
	committed := make(chan struct{}, 100)
	syncs := 0
	f.before = func(sync bool) error {
		if sync {
			if syncs++; syncs == 2 { // the last barrier of a commit without new blocks
				committed <- struct{}{}
			}
		}
		return nil
	}
	im := openMem(t, f, Options{CommitInterval: time.Millisecond})
	write1(t, im, 0, 5, 4096)
	<-committed
	killed := openMem(t, newMemFile(f.afterKill()), Options{ReadOnly: true})
	want1(t, killed, 0, 5, 4096)
	closeMem(t, im)
}

func TestFlushOfNothingSyncsOnce(t *testing.T) {
	f := emptyImage(t, small, 4)
	im := openMem(t, f, Options{CommitInterval: -1})
	write1(t, im, 0, 5, 4096)
	for _, want := range []int{2, 1} {
		syncs := 0
		f.before = func(sync bool) error {
			if sync {
				syncs++
			}
			return nil
		}
		if err := im.Flush(); err != nil {
			t.Fatal(err)
		}
		if syncs != want {
			t.Errorf("%d syncs, want %d", syncs, want)
		}
		write1(t, im, 0, 6, 512) // in place: no table changes
	}
	closeMem(t, im)
}

func TestDirtyImagesAreRepaired(t *testing.T) {
	f := emptyImage(t, small, 4)
	im := openMem(t, f, Options{CommitInterval: -1})
	write1(t, im, 0, 1, 1<<20)
	closeMem(t, im)
	h := header(t, f)
	block := int64(binary.BigEndian.Uint64(f.bytes[h.RefcountTableOffset:]))
	// What lazy refcounts leave behind: some too small, one too large.
	for c := int64(10); c < 60; c++ {
		refSet(f.bytes[block:block+4096], 4, c, 0)
	}
	refSet(f.bytes[block:block+4096], 4, 60, 2)
	put64(offIncompatible, incompatDirty)(f.bytes)

	im = openMem(t, f, Options{ReadOnly: true})
	want1(t, im, 0, 1, 1<<20)
	closeMem(t, im)
	im = openMem(t, f, Options{CommitInterval: -1})
	if got := header(t, f).IncompatibleFeatures; got != 0 {
		t.Errorf("features %#x: it is still dirty", got)
	}
	write1(t, im, 1<<20, 2, 1<<20)
	want1(t, im, 0, 1, 1<<20)
	closeMem(t, im)
	if leaks, err := noErrors(f); leaks > 0 || err != nil {
		t.Errorf("%d leaks, %v", leaks, err)
	}
}

func TestResizeRefuses(t *testing.T) {
	f := emptyImage(t, small, 4)
	im := openMem(t, f, Options{})
	defer closeMem(t, im)
	for size, want := range map[int64]string{
		0:             "invalid argument",
		1<<24 + 1:     "invalid argument",
		math.MaxInt64: "invalid argument",
		1 << 62:       "invalid argument",
		1 << 23:       "offline",
	} {
		if err := im.Resize(size); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("to %d: error %v", size, err)
		}
	}
	if im.Size() != 1<<24 {
		t.Errorf("size %d", im.Size())
	}
}
