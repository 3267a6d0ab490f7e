package memfile

import (
	"errors"
	"testing"

	"github.com/hullvm/hull/mem"
)

// The pages that differ are those that were written or given back, and no others.
func TestPagesThatDifferFromTheFile(t *testing.T) {
	maps := pagemap(t)
	image, _ := written(t, used(t, mem.Options{Size: large}), Options{Pagemap: maps})
	g := guestOf(t, mem.Options{Size: large, Overcommit: true, Image: image})
	if err := g.StartDirtyLog(); err != nil {
		t.Fatal(err)
	}
	scribble(t, g, 2)
	if err := g.Discard(40<<20, 64*PageSize); err != nil {
		t.Fatal(err)
	}
	if err := g.ReadAt(make([]byte, small), 0); err != nil { // looked at
		t.Fatal(err)
	}
	got, err := Differing(g, maps)
	if err != nil {
		t.Fatal(err)
	}
	want := changed(t, g)
	for off := int64(0); off < want.Size(); off += PageSize {
		if got.Has(off) != want.Has(off) {
			t.Fatalf("page at %#x: %v, want %v", off, got.Has(off), want.Has(off))
		}
	}
	for name, o := range map[string]mem.Options{"fresh": {Size: PageSize}, "filled": {Size: large, Shared: true, Overcommit: true, Image: image}} {
		if _, err := Differing(guestOf(t, o), maps); !errors.Is(err, ErrNoImage) {
			t.Errorf("%s memory: %v", name, err)
		}
	}
	if _, err := Differing(g, nil); err == nil {
		t.Error("without a pagemap there are some")
	}
}
