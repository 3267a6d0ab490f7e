package memfile

import (
	"bytes"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/hullvm/hull/mem"
)

// guestOf is memory that is closed with the test.
func guestOf(t testing.TB, o mem.Options) *mem.Guest {
	t.Helper()
	g, err := mem.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	return g
}

const (
	small = 80<<20 + 5*PageSize           // one region
	large = 3<<30 + unitSize + 5*PageSize // two
)

// used is memory in which some pages are written: single ones, runs over the edges
// of chunks, units and slots, and zeroes.
func used(t testing.TB, o mem.Options) *mem.Guest {
	t.Helper()
	o.Overcommit = true
	g := guestOf(t, o)
	scribble(t, g, 1)
	return g
}

func scribble(t testing.TB, g *mem.Guest, seed uint64) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, seed))
	write := func(a mem.Addr, n int) {
		if !g.Contains(a, uint64(n)) {
			return
		}
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		if err := g.WriteAt(b, a); err != nil {
			t.Fatal(err)
		}
	}
	write(0, 1)
	write(ChunkSize-10, 20)
	write(unitSize-2*PageSize, 4*PageSize)
	write(mem.LowRAMEnd-1, 1)
	write(mem.HighRAM, 3*PageSize)
	write(mem.HighRAM+unitSize+5*PageSize-1, 1)
	for range 50 {
		write(mem.Addr(r.Uint64N(64<<20)), 1+r.IntN(3*PageSize))
	}
	if err := g.Zero(mem.Addr(min(2<<30, g.Size()-12*PageSize)), 10*PageSize); err != nil {
		t.Fatal(err)
	}
}

func emptyFile(t testing.TB) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "memory"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func pagemap(t testing.TB) *os.File {
	t.Helper()
	f, err := OpenPagemap()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// counted notes how many bytes are read.
type counted struct {
	*mem.Guest
	mu   sync.Mutex
	read int
}

func (c *counted) ReadAt(p []byte, a mem.Addr) error {
	c.mu.Lock()
	c.read += len(p)
	c.mu.Unlock()
	return c.Guest.ReadAt(p, a)
}

// interesting are the parts of the file of used that something may be in: what is
// between is looked at by its checksums alone.
var interesting = []Extent{{0, small}, {2 << 30, unitSize}, {3<<30 - unitSize, 2*unitSize + 5*PageSize}}

// wantMemory compares a file with the memory, and its checksums with slow ones.
func wantMemory(t *testing.T, f *os.File, g *mem.Guest, sums *Sums) {
	t.Helper()
	l, err := layoutOf(g)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := f.Stat(); err != nil || info.Size() != l.size || sums.Size() != l.size {
		t.Fatalf("a file of %d bytes and checksums of %d, %v; want %d", info.Size(), sums.Size(), err, l.size)
	}
	want, got := make([]byte, ChunkSize), make([]byte, ChunkSize)
	looked := make(map[int64]bool)
	for _, e := range interesting {
		for off := e.Offset; off < min(e.end(), l.size); off += ChunkSize {
			looked[off] = true
			n := min(ChunkSize, l.size-off)
			for p, part := range l.in(Extent{off, n}) {
				if err := g.ReadAt(want[part.Offset-off:][:part.Size], p.at(part.Offset)); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := f.ReadAt(got[:n], off); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got[:n], want[:n]) {
				t.Fatalf("chunk at %#x differs", off)
			}
			if c := crc32.Checksum(want[:n], castagnoli); c != *sums.chunk(off) {
				t.Fatalf("checksum at %#x is %#x, want %#x", off, *sums.chunk(off), c)
			}
		}
	}
	zero := crc32.Checksum(make([]byte, ChunkSize), castagnoli)
	for off := int64(0); off < l.size; off += ChunkSize {
		if !looked[off] && *sums.chunk(off) != zero {
			t.Fatalf("checksum at %#x is not that of zeroes", off)
		}
	}
}

// wantHoles wants the file to hold so many bytes of data, and no page of zeroes.
func wantHoles(t *testing.T, f *os.File, r *Result) {
	t.Helper()
	page := make([]byte, PageSize)
	var data int64
	if err := dataIn(int(f.Fd()), Extent{0, r.Size}, func(e Extent) {
		data += e.Size
		for off := e.Offset; off < e.end(); off += PageSize {
			if _, err := f.ReadAt(page, off); err != nil {
				t.Fatal(err)
			}
			if bytes.Equal(page, zeroPage) {
				t.Fatalf("the page at %#x is zero, and no hole", off)
			}
		}
	}); err != nil {
		t.Fatal(err)
	}
	if data != r.Data {
		t.Errorf("the file has %d bytes of data, and %d were said", data, r.Data)
	}
}
