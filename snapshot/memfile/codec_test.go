package memfile

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hullvm/hull/mem"
)

type encoder interface{ Encode(w io.Writer) error }

func encoded(t testing.TB, e encoder) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := e.Encode(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// The samples are of memory of an odd number of chunks and of pages.
const sampleSize = 3*ChunkSize + 3*PageSize

func sampleSums() *Sums {
	return &Sums{size: sampleSize, crcs: []uint32{1, zeroChunk, 1 << 31, 4}}
}

func sampleSet(t testing.TB) *PageSet {
	t.Helper()
	s, err := NewPageSet(sampleSize)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []Extent{{PageSize, PageSize}, {60 * PageSize, 200 * PageSize}, {sampleSize - PageSize, PageSize}} {
		if err := s.Add(e); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func sampleWorking() *WorkingSet {
	return &WorkingSet{Size: sampleSize, Extents: []Extent{{5 * PageSize, 2 * PageSize}, {0, PageSize}, {sampleSize - PageSize, PageSize}}}
}

// decoders read each kind of file, of memory of a size.
var decoders = map[string]func(b []byte, size int64) (encoder, error){
	"sums":    func(b []byte, size int64) (encoder, error) { return ReadSums(bytes.NewReader(b), size) },
	"map":     func(b []byte, size int64) (encoder, error) { return ReadPageSet(bytes.NewReader(b), size) },
	"working": func(b []byte, size int64) (encoder, error) { return ReadWorkingSet(bytes.NewReader(b), size) },
}

func samples(t testing.TB) map[string][]byte {
	return map[string][]byte{"sums": encoded(t, sampleSums()), "map": encoded(t, sampleSet(t)), "working": encoded(t, sampleWorking())}
}

// The file of each released format is kept, and read for ever.
func TestGoldenFiles(t *testing.T) {
	for name, b := range samples(t) {
		golden, err := os.ReadFile(filepath.Join("testdata", "format-1", name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(golden, b) {
			t.Errorf("%s: the same is written otherwise today: %x", name, b)
		}
		got, err := decoders[name](golden, sampleSize)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(encoded(t, got), golden) {
			t.Errorf("%s: what was read is written otherwise", name)
		}
	}
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	sums, err := ReadSums(bytes.NewReader(encoded(t, sampleSums())), sampleSize)
	if err != nil || !sums.Equal(sampleSums()) || sums.Digest() != sampleSums().Digest() {
		t.Errorf("%+v, error %v", sums, err)
	}
	sums.crcs[1]++
	if sums.Equal(sampleSums()) || sums.Digest() == sampleSums().Digest() {
		t.Error("other checksums are equal")
	}
	set, err := ReadWorkingSet(bytes.NewReader(encoded(t, sampleWorking())), sampleSize)
	if err != nil || !cmp.Equal(set, sampleWorking()) {
		t.Errorf("%+v, error %v", set, err)
	}
	pages, err := ReadPageSet(bytes.NewReader(encoded(t, sampleSet(t))), sampleSize)
	if err != nil {
		t.Fatal(err)
	}
	want := []Extent{{PageSize, PageSize}, {60 * PageSize, 200 * PageSize}, {sampleSize - PageSize, PageSize}}
	if got := slices.Collect(pages.Extents()); !cmp.Equal(got, want) || pages.Bytes() != 202*PageSize || pages.Size() != sampleSize {
		t.Errorf("extents %v of %d bytes", got, pages.Bytes())
	}
}

// Each byte is under a checksum, and so is each length.
func TestEachDamageIsSeen(t *testing.T) {
	for name, whole := range samples(t) {
		read := decoders[name]
		for i := range whole {
			b := bytes.Clone(whole)
			b[i] ^= 0x40
			if _, err := read(b, sampleSize); !errors.Is(err, ErrCorrupt) {
				t.Fatalf("%s: byte %d changed: error %v", name, i, err)
			}
			if _, err := read(whole[:i], sampleSize); !errors.Is(err, ErrCorrupt) {
				t.Fatalf("%s: cut off after %d bytes: error %v", name, i, err)
			}
		}
		if _, err := read(append(bytes.Clone(whole), 0), sampleSize); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: one byte more: error %v", name, err)
		}
		if _, err := read(whole, sampleSize+PageSize); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: of other memory: error %v", name, err)
		}
		for _, size := range []int64{-PageSize, 0, 1, mem.MaxSize + PageSize} {
			if _, err := read(whole, size); err == nil || errors.Is(err, ErrCorrupt) {
				t.Errorf("%s: of memory of %d bytes: %v", name, size, err)
			}
		}
	}
}

func TestFilesThatCannotHaveBeenWritten(t *testing.T) {
	forged := func(s *WorkingSet) []byte {
		return workingKind.encode(s.Size, len(s.Extents), func(b []byte) []byte {
			for _, e := range s.Extents {
				b = le.AppendUint64(b, uint64(e.Offset))
				b = le.AppendUint64(b, uint64(e.Size))
			}
			return b
		})
	}
	pages := func(e ...Extent) []byte { return forged(&WorkingSet{Size: sampleSize, Extents: e}) }
	behind := sampleSet(t)
	behind.bits[len(behind.bits)-1] |= 1 << 63
	for name, test := range map[string]struct {
		kind, want string
		b          []byte
	}{
		"no pages":             {"working", "0 bytes at 0", pages(Extent{0, 0})},
		"after the end":        {"working", "not pages of a memory", pages(Extent{sampleSize/PageSize - 1, 2})},
		"far after the end":    {"working", "extent of 1 pages at page", pages(Extent{1 << 62, 1})},
		"more than there are":  {"working", "more than the memory", pages(Extent{0, sampleSize / PageSize}, Extent{0, 1})},
		"too many":             {"working", "the most is", pages(make([]Extent, MaxExtents+1)...)},
		"bits after the end":   {"map", "after the memory's end", encoded(t, behind)},
		"another kind of file": {"map", "does not begin as one", encoded(t, sampleSums())},
	} {
		_, err := decoders[test.kind](test.b, sampleSize)
		if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want one that has %q", name, err, test.want)
		}
	}
	for _, s := range []*WorkingSet{{Size: 1}, {Size: PageSize, Extents: []Extent{{1, PageSize}}}, {Size: PageSize, Extents: []Extent{{0, 2 * PageSize}}}, {Size: PageSize, Extents: make([]Extent, MaxExtents+1)}} {
		if err := s.Encode(io.Discard); err == nil {
			t.Errorf("a working set of %d bytes and %d extents is written", s.Size, len(s.Extents))
		}
	}
}

// The set is compared with a map of pages.
func TestPageSets(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	for range 200 {
		pages := 1 + r.Int64N(300)
		slots := []mem.Slot{{Size: uint64(pages) * PageSize}, {ID: 1, Size: 100 * PageSize}}
		s, err := NewPageSet((pages + 100) * PageSize)
		if err != nil {
			t.Fatal(err)
		}
		slow := make(map[int64]bool)
		for range r.IntN(6) {
			first := r.Int64N(pages + 100)
			n := r.Int64N(pages + 100 - first + 1)
			if err := s.Add(Extent{first * PageSize, n * PageSize}); err != nil {
				t.Fatal(err)
			}
			for i := range n {
				slow[first+i] = true
			}
		}
		bitmap := []uint64{r.Uint64() & r.Uint64(), r.Uint64() >> 28}
		if r.IntN(2) == 0 {
			bitmap[0] = ^uint64(0)
		}
		if err := s.AddSlot(slots, 1, bitmap); err != nil {
			t.Fatal(err)
		}
		for i := range int64(128) {
			if bitmap[i/64]>>(i%64)&1 != 0 {
				slow[pages+i] = true
			}
		}
		var n int64
		last := int64(-1)
		for e := range s.Extents() {
			if e.Offset <= last || e.Size <= 0 {
				t.Fatalf("extent %v after one that ends at %d", e, last)
			}
			last = e.end()
			for off := e.Offset; off < e.end(); off += PageSize {
				if !slow[off/PageSize] || !s.Has(off+1) {
					t.Fatalf("page %d is in an extent", off/PageSize)
				}
				n++
			}
		}
		if n != int64(len(slow)) || s.Bytes() != n*PageSize {
			t.Fatalf("%d pages in extents, %d bytes, want %d pages", n, s.Bytes(), len(slow))
		}
	}
}

func TestPagesThatAreNone(t *testing.T) {
	s, err := NewPageSet(3 * PageSize)
	if err != nil {
		t.Fatal(err)
	}
	slots := []mem.Slot{{Size: 2 * PageSize}, {ID: 1, Size: PageSize}, {ID: 2, Size: PageSize}}
	for name, err := range map[string]error{
		"before the start": s.Add(Extent{-PageSize, PageSize}),
		"after the end":    s.Add(Extent{2 * PageSize, 2 * PageSize}),
		"half a page":      s.Add(Extent{0, PageSize / 2}),
		"no slot":          s.AddSlot(slots, 3, nil),
		"after a slot":     s.AddSlot(slots, 0, []uint64{4}),
		"far after a slot": s.AddSlot(slots, 0, []uint64{0, 1}),
		"another memory":   s.AddSlot(slots, 2, []uint64{1}),
	} {
		if err == nil {
			t.Errorf("%s: pages are added", name)
		}
	}
	if s.Bytes() != 0 || s.Has(-1) || s.Has(3*PageSize) {
		t.Errorf("%d bytes are in", s.Bytes())
	}
	if _, err := NewPageSet(1); err == nil {
		t.Error("a set of pages of a byte")
	}
}
