package qcow2

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/flate"

	"github.com/hullvm/hull/disk/vectors"
)

// FuzzImage opens arbitrary bytes and does to them what a guest can. Nothing
// may panic, run away, or take memory that the file does not account for; and
// an image whose tables were right keeps them so.
func FuzzImage(f *testing.F) {
	seeds, err := filepath.Glob("testdata/*.qcow2.deflate")
	if err != nil || len(seeds) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, path := range seeds {
		p, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		var image bytes.Buffer
		if _, err := image.ReadFrom(flate.NewReader(bytes.NewReader(p))); err != nil {
			f.Fatal(path, err)
		}
		var acts []byte
		for i := range 90 {
			acts = append(acts, byte(i*i*41>>2))
		}
		f.Add(image.Bytes(), acts)
	}
	f.Fuzz(func(t *testing.T, image, acts []byte) {
		if len(image) > 1<<20 {
			return
		}
		file := newMemFile(bytes.Clone(image))
		file.most = 8 << 20
		before, err := Check(file)
		whole := err == nil && before.Errors == 0
		fuzzOne(file, Options{ReadOnly: true, CacheBytes: 1 << 16}, acts)
		if !bytes.Equal(file.bytes, image) {
			t.Fatal("an image that is only read has changed")
		}
		fuzzOne(file, Options{CacheBytes: 1 << 16, CommitInterval: -1}, acts)
		if after, err := Check(file); whole && (err != nil || after.Errors > 0) {
			t.Fatalf("%d leaks before, and after: %+v, %v", before.Leaks, after, err)
		}
	})
}

// fuzzOne opens an image and acts on it, three bytes to an act.
func fuzzOne(f *memFile, o Options, acts []byte) {
	if h, err := ReadHeader(f); err == nil && h.BackingFile != "" {
		o.Backing = &memBacking{newMemFile(bytes.Repeat([]byte("under"), 3000))}
	}
	im, err := Open(f, o)
	if err != nil {
		return
	}
	p := make([]byte, 3000)
	for ; len(acts) >= 3; acts = acts[3:] {
		size := im.Size()
		off := size / 256 * int64(acts[1])
		n := min(int64(acts[2])*97, size-off, int64(len(p)))
		switch acts[0] % 7 {
		case 0, 1:
			_ = im.Readv(vectors.Of(nil, p[:n]), off)
		case 2:
			_ = im.Writev(vectors.Of(nil, p[:n]), off)
		case 3:
			_ = im.Discard(off, min(int64(acts[2])<<12, size-off))
		case 4:
			_ = im.WriteZeroes(off, min(int64(acts[2])<<12, size-off), acts[0] > 127)
		case 5:
			_ = im.Flush()
		case 6:
			if size < 1<<30 {
				_ = im.Resize((size + int64(acts[2])<<12 + 512) &^ 511)
			}
		}
	}
	_ = im.Close()
}
