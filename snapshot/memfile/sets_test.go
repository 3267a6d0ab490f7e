package memfile

import (
	"math/rand/v2"
	"testing"
)

// Sets that are joined and taken apart have the pages that a slow look says.
func TestSetsOfPagesTogether(t *testing.T) {
	const size = 150 * PageSize
	r := rand.New(rand.NewPCG(5, 6))
	set := func() *PageSet {
		s, err := NewPageSet(size)
		if err != nil {
			t.Fatal(err)
		}
		for range 40 {
			if err := s.Add(Extent{Offset: r.Int64N(150) * PageSize, Size: PageSize}); err != nil {
				t.Fatal(err)
			}
		}
		return s
	}
	for range 20 {
		a, b := set(), set()
		both, less := &PageSet{size: size, bits: append([]uint64(nil), a.bits...)}, &PageSet{size: size, bits: append([]uint64(nil), a.bits...)}
		if err := both.AddAll(b); err != nil {
			t.Fatal(err)
		}
		if err := less.RemoveAll(b); err != nil {
			t.Fatal(err)
		}
		for off := int64(0); off < size; off += PageSize {
			if both.Has(off) != (a.Has(off) || b.Has(off)) || less.Has(off) != (a.Has(off) && !b.Has(off)) {
				t.Fatalf("page at %d: %v with, %v without", off, both.Has(off), less.Has(off))
			}
		}
	}
	other, err := NewPageSet(PageSize)
	if err != nil {
		t.Fatal(err)
	}
	if set().AddAll(other) == nil || set().RemoveAll(other) == nil {
		t.Error("a set of another memory is taken")
	}
}
