package qcow2

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/hullvm/hull/disk/vectors"
)

func TestContradictionsStopWrites(t *testing.T) {
	const cluster = 4096
	for _, c := range []struct {
		name   string
		change func(p []byte, l2 int64)
		act    func(im *Image) error
	}{
		{"data where the refcount table is", func(p []byte, l2 int64) { put64(int(l2), 1<<63|cluster)(p) }, nil},
		{"data where the L1 table is", func(p []byte, l2 int64) { put64(int(l2), 1<<63|3*cluster)(p) }, nil},
		{"data past the end", func(p []byte, l2 int64) { put64(int(l2), 1<<63|1<<40)(p) }, nil},
		{"data between clusters", func(p []byte, l2 int64) { put64(int(l2), 1<<63|0x5200)(p) }, nil},
		{"an L2 table between clusters", func(p []byte, _ int64) { put64(3*cluster, 1<<63|0x4200)(p) }, nil},
		{"an L2 table where the header is", func(p []byte, _ int64) { put64(3*cluster, 1<<63|1<<9)(p) }, nil},
		{"an L2 table past the end", func(p []byte, _ int64) { put64(3*cluster, 1<<63|1<<40)(p) }, nil},
		{"a refcount block where the header is", func(p []byte, _ int64) { put64(cluster, 512)(p) }, writeNew},
		{"a refcount block past all offsets", func(p []byte, _ int64) { put64(cluster, 1<<60)(p) }, writeNew},
		{"no refcounts at all", func(p []byte, _ int64) { clear(p[2*cluster : 3*cluster]) }, writeNew},
		{"what is given up was free", func(p []byte, _ int64) { put32(2*cluster+8, 1)(p) }, giveUp},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := emptyImage(t, small, 4)
			im := openMem(t, f, Options{CommitInterval: -1})
			write1(t, im, 0, 1, cluster)
			closeMem(t, im)
			l2 := int64(binary.BigEndian.Uint64(f.bytes[header(t, f).L1TableOffset:]) & offsetMask)
			c.change(f.bytes, l2)
			head := bytes.Clone(f.bytes[:72])

			im = openMem(t, f, Options{CommitInterval: -1})
			act := c.act
			if act == nil {
				act = func(im *Image) error {
					return im.Writev(vectors.Of(nil, make([]byte, 512)), 0)
				}
			}
			if err := act(im); !errors.Is(err, ErrCorrupt) {
				t.Errorf("error %v", err)
			}
			_ = im.Close()
			if !bytes.Equal(head, f.bytes[:72]) {
				t.Error("the header was written over")
			}
		})
	}
}

func writeNew(im *Image) error {
	return im.Writev(vectors.Of(nil, bytes.Repeat([]byte{1}, 64<<10)), 1<<20)
}

func giveUp(im *Image) error {
	if err := im.Discard(0, 4096); err != nil {
		return err
	}
	return im.Flush()
}

// A compressed cluster that is not what it says is an error of its own request.
func TestBrokenCompressedClusters(t *testing.T) {
	f := emptyImage(t, small, 4)
	im := openMem(t, f, Options{CommitInterval: -1})
	write1(t, im, 0, 1, 2*4096)
	closeMem(t, im)
	l2 := int64(binary.BigEndian.Uint64(f.bytes[header(t, f).L1TableOffset:]) & offsetMask)
	host := binary.BigEndian.Uint64(f.bytes[l2:]) & offsetMask
	put64(int(l2), flagCompressed|host|7<<58)(f.bytes)
	im = openMem(t, f, Options{CommitInterval: -1})
	p := make([]byte, 512)
	if err := im.Readv(vectors.Of(nil, p), 512); err == nil {
		t.Error("it was read")
	}
	if err := im.Writev(vectors.Of(nil, p), 512); err == nil {
		t.Error("a part of it was written")
	}
	want1(t, im, 4096, 1, 4096)
	write1(t, im, 0, 2, 4096) // as a whole
	want1(t, im, 0, 2, 4096)
	closeMem(t, im)
}
