package memfile

import (
	"bytes"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/hullvm/hull/mem"
)

// Pages in use are all that are not zero, and few of those that are; the sums are those
// of the file.
func TestPagesInUseAndSumsOfMemory(t *testing.T) {
	maps := pagemap(t)
	for name, test := range map[string]struct {
		o     mem.Options
		maps  *os.File
		image bool
	}{
		"private":         {o: mem.Options{Size: small}, maps: maps},
		"shared":          {o: mem.Options{Size: small, Shared: true}, maps: maps},
		"of two slots":    {o: mem.Options{Size: large}, maps: maps},
		"of a file":       {o: mem.Options{Size: small}, maps: maps, image: true},
		"without pagemap": {o: mem.Options{Size: small}},
	} {
		t.Run(name, func(t *testing.T) {
			test.o.Overcommit = true
			o := Options{Pagemap: test.maps}
			if test.image {
				o.Base, _ = written(t, used(t, mem.Options{Size: small}), o)
				test.o.Image = o.Base
			}
			g := guestOf(t, test.o)
			scribble(t, g, 9)
			pages, err := Used(t.Context(), g, o)
			if err != nil {
				t.Fatal(err)
			}
			if test.maps == nil {
				if pages.Bytes() != pages.Size() {
					t.Errorf("%d bytes of %d in use, and nothing could tell", pages.Bytes(), pages.Size())
				}
			} else if pages.Bytes() > 8<<20 {
				t.Errorf("%d bytes in use", pages.Bytes())
			}
			f, r := written(t, g, o)
			page := make([]byte, PageSize)
			if err := dataIn(int(f.Fd()), Extent{0, r.Size}, func(e Extent) {
				for off := e.Offset; off < e.end(); off += PageSize {
					if _, err := f.ReadAt(page, off); err != nil {
						t.Fatal(err)
					}
					if !bytes.Equal(page, zeroPage) && !pages.Has(off) {
						t.Fatalf("the page at %#x is not zero, and not in use", off)
					}
				}
			}); err != nil {
				t.Fatal(err)
			}
			sums, err := Sum(t.Context(), g, o)
			if err != nil {
				t.Fatal(err)
			}
			if !sums.Equal(r.Sums) {
				t.Error("the memory's sums are not its file's")
			}
		})
	}
}

func TestPartsOfASetWithinAnExtent(t *testing.T) {
	const pages = 300
	r := rand.New(rand.NewPCG(3, 3))
	for range 200 {
		s, err := NewPageSet(pages * PageSize)
		if err != nil {
			t.Fatal(err)
		}
		for range r.IntN(60) {
			at := r.Int64N(pages)
			if err := s.Add(Extent{at * PageSize, (1 + r.Int64N(min(pages-at, 70))) * PageSize}); err != nil {
				t.Fatal(err)
			}
		}
		from := r.Int64N(pages)
		e := Extent{from * PageSize, r.Int64N(pages-from+20) * PageSize}
		got := make(map[int64]bool)
		last := int64(-1)
		for part := range s.Within(e) {
			if part.Offset <= last || part.Size <= 0 {
				t.Fatalf("%+v after %d", part, last)
			}
			last = part.end()
			for off := part.Offset; off < part.end(); off += PageSize {
				got[off] = true
			}
		}
		for off := int64(0); off < (pages+20)*PageSize; off += PageSize {
			if want := s.Has(off) && off >= e.Offset && off < e.end(); got[off] != want {
				t.Fatalf("page at %d in %+v: %v, want %v", off, e, got[off], want)
			}
		}
	}
}
