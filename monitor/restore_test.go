package monitor

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/hullvm/hull/mem"
	"github.com/hullvm/hull/snapshot/memfile"
)

func newFile(t testing.TB) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func newMemory(t testing.TB, o mem.Options) *mem.Guest {
	t.Helper()
	g, err := mem.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Close() })
	return g
}

func whole(t testing.TB, g *mem.Guest) (*os.File, *memfile.Sums) {
	t.Helper()
	f := newFile(t)
	r, err := memfile.Write(t.Context(), f, g, memfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return f, r.Sums
}

// Memory that begins as a chain of files is what the memory was that the last was
// taken of; and so is what such memory is saved as, whole or over the chain.
func TestMemoryOfAChainIsTheWholeMemory(t *testing.T) {
	const size = 40 << 20
	r := rand.New(rand.NewPCG(3, 4))
	g := newMemory(t, mem.Options{Size: size})
	change := func() {
		b := make([]byte, 200<<10) // some are mapped, some are copied
		for range 12 {
			n := 1 + r.IntN(len(b)-1)
			for i := range b[:n] {
				b[i] = byte(r.Uint32())
			}
			a := mem.Addr(r.Uint64N(size - uint64(len(b))))
			if err := g.WriteAt(b[:n], a); err != nil {
				t.Fatal(err)
			}
			if err := g.Zero(mem.Addr(r.Uint64N(size-uint64(len(b)))), uint64(n)); err != nil {
				t.Fatal(err)
			}
		}
	}
	change()
	base, _ := whole(t, g)
	if err := g.StartDirtyLog(); err != nil {
		t.Fatal(err)
	}
	var files, maps []*os.File
	for range 5 {
		change()
		pages, err := memfile.NewPageSet(size)
		if err != nil {
			t.Fatal(err)
		}
		bitmap := make([]uint64, mem.DirtyWords(size))
		if _, err := g.FetchDirtyLog(0, bitmap); err != nil {
			t.Fatal(err)
		}
		if err := pages.AddSlot(g.Slots(), 0, bitmap); err != nil {
			t.Fatal(err)
		}
		f, m := newFile(t), newFile(t)
		if _, err := memfile.WriteRuns(t.Context(), f, g, pages, memfile.Options{}); err != nil {
			t.Fatal(err)
		}
		if err := pages.Encode(m); err != nil {
			t.Fatal(err)
		}
		if _, err := m.Seek(0, 0); err != nil {
			t.Fatal(err)
		}
		files, maps = append(files, f), append(maps, m)
	}
	layers, err := layersOf(files, maps, size)
	if err != nil {
		t.Fatal(err)
	}
	parts := 0
	for _, l := range layers {
		parts += len(l.Parts)
	}
	if parts == 0 {
		t.Fatal("the layers have no pages")
	}
	next := newMemory(t, mem.Options{Size: size, Image: base, Layers: layers})
	_, want := whole(t, g)
	if _, got := whole(t, next); !got.Equal(want) {
		t.Error("memory of a chain is not the whole memory")
	}
	maybe, err := memfile.OpenPagemap()
	if err != nil {
		t.Fatal(err)
	}
	defer maybe.Close()
	if err := next.WriteAt([]byte("new"), 5<<20); err != nil {
		t.Fatal(err)
	}
	if err := next.Discard(6<<20, 1<<20); err != nil {
		t.Fatal(err)
	}
	f := newFile(t)
	saved, err := memfile.Write(t.Context(), f, next, memfile.Options{Pagemap: maybe})
	if err != nil {
		t.Fatal(err)
	}
	if _, want := whole(t, next); !saved.Sums.Equal(want) {
		t.Error("memory of a chain is saved otherwise with a pagemap")
	}
}

func TestMapsThatAreRefused(t *testing.T) {
	if _, err := layersOf([]*os.File{newFile(t)}, []*os.File{newFile(t)}, 1<<20); err == nil {
		t.Error("an empty file is a map of pages")
	}
}
