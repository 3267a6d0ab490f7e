package mem

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// image is a file of pages, each filled with its number from 1.
func image(t *testing.T, pages int) *os.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "image")
	var b []byte
	for i := range pages {
		b = append(b, bytes.Repeat([]byte{byte(i + 1)}, PageSize)...)
	}
	if err := os.WriteFile(path, b, 0o400); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func TestMemoryBeginsAsItsImage(t *testing.T) {
	f := image(t, 4)
	o := Options{Image: f, Size: 4 * PageSize}
	if err := o.validate(); err != nil {
		t.Fatal(err)
	}
	// Two regions, so that the second is not at the start of the file.
	g, err := newGuest(o, []extent{{0, PageSize}, {4 * PageSize, 3 * PageSize}})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	want := func(a Addr, b byte) {
		t.Helper()
		p := make([]byte, PageSize)
		if err := g.ReadAt(p, a); err != nil || !bytes.Equal(p, bytes.Repeat([]byte{b}, PageSize)) {
			t.Errorf("at %#x there is %d, want %d; %v", uint64(a), p[0], b, err)
		}
	}
	want(0, 1)
	want(4*PageSize, 2)
	want(6*PageSize, 4)
	if err := g.WriteAt(bytes.Repeat([]byte{9}, PageSize), 5*PageSize); err != nil {
		t.Fatal(err)
	}
	if err := g.Discard(5*PageSize, 2*PageSize); err != nil {
		t.Fatal(err)
	}
	want(4*PageSize, 2)
	want(5*PageSize, 0)
	want(6*PageSize, 0)
	if err := g.WriteAt(bytes.Repeat([]byte{7}, PageSize), 6*PageSize); err != nil {
		t.Fatal(err)
	}
	want(6*PageSize, 7)
	if got := [][]uint64{g.Replaced(0), g.Replaced(1), g.Replaced(2), g.Replaced(-1)}; !cmp.Equal(got, [][]uint64{{0}, {6}, nil, nil}) {
		t.Errorf("given back are %v", got)
	}
	if s := g.Slots(); !s[1].Image || s[1].FD != -1 {
		t.Errorf("slot %+v", s[1])
	}
	if again, err := os.ReadFile(f.Name()); err != nil || again[2*PageSize] != 3 || again[3*PageSize] != 4 {
		t.Errorf("the image has changed: %v", err)
	}
}

// Memory that other processes can map has a copy of the image, with its holes.
func TestSharedMemoryIsFilledFromItsImage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "image")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := errors.Join(f.Truncate(1<<20), sparse(f, 300_000, 'a'), sparse(f, 1<<20-1, 'z')); err != nil {
		t.Fatal(err)
	}
	g, err := newGuest(Options{Image: f, Shared: true, Size: 1 << 20}, []extent{{0, 1 << 19}, {1 << 32, 1 << 19}})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	for a, want := range map[Addr]byte{0: 0, 300_000: 'a', 300_001: 0, 1<<32 + 1<<19 - 1: 'z'} {
		if got, err := g.Uint8(a); err != nil || got != want {
			t.Errorf("at %#x there is %d, want %d; %v", uint64(a), got, want, err)
		}
	}
	if n, err := g.Resident(); err != nil || n > 1<<19 {
		t.Errorf("%d bytes are resident, %v: the holes were filled", n, err)
	}
	if g.Replaced(0) != nil || g.Slots()[0].Image {
		t.Error("memory that has a copy is still the image's")
	}
}

func sparse(f *os.File, at int64, b byte) error {
	_, err := f.WriteAt([]byte{b}, at)
	return err
}

func TestImagesThatAreRefused(t *testing.T) {
	f := image(t, 1)
	for want, o := range map[string]Options{
		"want a file of 8192":        {Image: f, Size: 2 * PageSize},
		"image: stat":                {Image: closedFile(t), Size: PageSize},
		"bytes: want a file of 4096": {Image: folder(t), Size: PageSize},
	} {
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that has %q", err, want)
		}
	}
	if g := newTestGuest(t, Options{Size: PageSize}); g.Replaced(0) != nil || g.Slots()[0].Image {
		t.Error("memory without an image has one")
	}
}

func closedFile(t *testing.T) *os.File {
	f := image(t, 1)
	_ = f.Close()
	return f
}

func folder(t *testing.T) *os.File {
	f, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// A guest that gives back every other page does not use up the mappings of the
// process, and what it gave back is zero all the same.
func TestHolesInAnImageAreBounded(t *testing.T) {
	const pages = 2*maxEdges + 1000
	f, err := os.Create(filepath.Join(t.TempDir(), "image"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(bytes.Repeat([]byte{1}, pages*PageSize)); err != nil {
		t.Fatal(err)
	}
	g := newTestGuest(t, Options{Size: pages * PageSize, Image: f})
	maps := func() int {
		b, err := os.ReadFile("/proc/self/maps")
		if err != nil {
			t.Fatal(err)
		}
		return bytes.Count(b, []byte("\n"))
	}
	before := maps()
	for page := Addr(1); page < pages; page += 2 {
		if err := g.Discard(page*PageSize, PageSize); err != nil {
			t.Fatal(err)
		}
	}
	if n := maps() - before; n < maxEdges-100 || n > maxEdges+100 {
		t.Errorf("%d mappings more, want about %d", n, maxEdges)
	}
	for page := range Addr(pages) {
		if b, err := g.Uint8(page * PageSize); err != nil || b != byte(1-page%2) {
			t.Fatalf("page %d is %d, %v", page, b, err)
		}
	}
	// All of it at once is one mapping again.
	if err := g.Discard(0, pages*PageSize); err != nil {
		t.Fatal(err)
	}
	if n := maps() - before; n > 100 {
		t.Errorf("%d mappings more, of memory that was all given back", n)
	}
	if r := &g.regions[0]; r.edges != 2 {
		t.Errorf("%d edges are counted", r.edges)
	}
}

// The edges that are counted are those that a look at all pages finds.
func TestEdgesAreCounted(t *testing.T) {
	g := newTestGuest(t, Options{Size: 100 * PageSize, Image: image(t, 100)})
	r := &g.regions[0]
	random := rand.New(rand.NewPCG(1, 1))
	for range 60 {
		first := random.Uint64N(100)
		if err := g.Discard(Addr(first*PageSize), (1+random.Uint64N(min(5, 100-first)))*PageSize); err != nil {
			t.Fatal(err)
		}
		edges, was := 0, false
		for page := range uint64(101) {
			is := page < 100 && r.replaced[page/64]>>(page%64)&1 != 0
			if is != was {
				edges++
			}
			was = is
		}
		if r.edges != edges {
			t.Fatalf("%d edges, want %d", r.edges, edges)
		}
	}
}
