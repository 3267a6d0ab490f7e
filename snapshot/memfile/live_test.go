package memfile

import (
	"errors"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/hullvm/hull/mem"
)

// changed takes what was written to memory since the last time.
func changed(t testing.TB, g *mem.Guest) *PageSet {
	t.Helper()
	pages, err := NewPageSet(int64(g.Size()))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range g.Slots() {
		bitmap := make([]uint64, mem.DirtyWords(s.Size))
		if _, err := g.FetchDirtyLog(s.ID, bitmap); err != nil {
			t.Fatal(err)
		}
		if err := pages.AddSlot(g.Slots(), s.ID, bitmap); err != nil {
			t.Fatal(err)
		}
	}
	return pages
}

// churn writes, zeroes and gives back pages of memory, here and there, until stopped.
func churn(t testing.TB, g *mem.Guest, seed uint64) (stop func()) {
	t.Helper()
	var all sync.WaitGroup
	done := make(chan struct{})
	all.Go(func() {
		r := rand.New(rand.NewPCG(seed, seed))
		b := make([]byte, 3*PageSize)
		for {
			select {
			case <-done:
				return
			default:
			}
			a, n := mem.Addr(r.Uint64N(small-4*PageSize)), 1+r.IntN(len(b)-1)
			var err error
			switch r.IntN(4) {
			case 0:
				err = g.Zero(a, uint64(n))
			case 1:
				err = g.Discard(a, uint64(n))
			default:
				for i := range b[:n] {
					b[i] = byte(r.Uint32())
				}
				err = g.WriteAt(b[:n], a)
			}
			if err != nil {
				t.Error(err)
				return
			}
		}
	})
	return sync.OnceFunc(func() {
		close(done)
		all.Wait()
	})
}

// The file of memory that was written while it changed is what memory was in the end.
func TestMemoryIsWrittenWhileItChanges(t *testing.T) {
	maps := pagemap(t)
	for name, test := range map[string]struct {
		o     mem.Options
		image bool
	}{
		"private":      {o: mem.Options{Size: small}},
		"shared":       {o: mem.Options{Size: small, Shared: true}},
		"of two slots": {o: mem.Options{Size: large}},
		"of a file":    {o: mem.Options{Size: small}, image: true},
	} {
		t.Run(name, func(t *testing.T) {
			test.o.Overcommit = true
			o := Options{Pagemap: maps}
			var told int64
			o.Progress = func(done, _ int64) { told = done }
			if test.image {
				o.Base, _ = written(t, used(t, mem.Options{Size: small}), Options{Pagemap: maps})
				test.o.Image = o.Base
			}
			g := guestOf(t, test.o)
			if !test.image {
				scribble(t, g, 1)
			}
			f := emptyFile(t)
			v, err := NewLive(f, g, o)
			if err != nil {
				t.Fatal(err)
			}
			if err := g.StartDirtyLog(); err != nil {
				t.Fatal(err)
			}
			stop := churn(t, g, 7)
			defer stop()
			if err := v.Pass(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			if told != int64(g.Size()) {
				t.Errorf("the last progress was %d", told)
			}
			for range 5 {
				if err := v.Pass(t.Context(), changed(t, g)); err != nil {
					t.Fatal(err)
				}
			}
			stop()
			if err := v.Pass(t.Context(), changed(t, g)); err != nil {
				t.Fatal(err)
			}
			r, err := v.Finish(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			wantMemory(t, f, g, r.Sums)
			wantData(t, f, r)
			if err := Verify(t.Context(), f, r.Sums, nil); err != nil {
				t.Error(err)
			}
			_, whole := written(t, g, Options{Pagemap: maps, Base: o.Base})
			if !whole.Sums.Equal(r.Sums) {
				t.Error("a file that is written at once has other checksums")
			}
		})
	}
}

// wantData wants the file to hold so many bytes of data.
func wantData(t *testing.T, f *os.File, r *Result) {
	t.Helper()
	var data int64
	if err := dataIn(int(f.Fd()), Extent{0, r.Size}, func(e Extent) { data += e.Size }); err != nil {
		t.Fatal(err)
	}
	if data != r.Data {
		t.Errorf("the file has %d bytes of data, and %d were said", data, r.Data)
	}
}

// Of a set of pages that grows, the file has those and no others.
func TestPagesOfSetsAreWrittenWhileTheyChange(t *testing.T) {
	maps := pagemap(t)
	g := used(t, mem.Options{Size: small})
	if err := g.StartDirtyLog(); err != nil {
		t.Fatal(err)
	}
	scribble(t, g, 2)
	stop := churn(t, g, 3)
	defer stop()
	f := emptyFile(t)
	v, err := NewLive(f, g, Options{Pagemap: maps})
	if err != nil {
		t.Fatal(err)
	}
	all, err := NewPageSet(int64(g.Size()))
	if err != nil {
		t.Fatal(err)
	}
	pass := func() {
		pages := changed(t, g)
		for e := range pages.Extents() {
			if err := all.Add(e); err != nil {
				t.Fatal(err)
			}
		}
		if err := v.Pass(t.Context(), pages); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		pass()
	}
	stop()
	pass()
	r, err := v.Finish(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	reference := emptyFile(t)
	want, err := WriteRuns(t.Context(), reference, g, all, Options{Pagemap: maps})
	if err != nil {
		t.Fatal(err)
	}
	for off := int64(0); off < all.Size(); off += PageSize {
		if v.Pages().Has(off) != all.Has(off) {
			t.Fatalf("the page at %#x: in the file's set %v, want %v", off, v.Pages().Has(off), all.Has(off))
		}
	}
	if !want.Sums.Equal(r.Sums) {
		t.Error("pages that are written at once have other checksums")
	}
	if err := Verify(t.Context(), f, want.Sums, nil); err != nil {
		t.Error(err)
	}
	wantData(t, f, r)
}

func TestPassesThatAreRefused(t *testing.T) {
	g := guestOf(t, mem.Options{Size: unitSize})
	v, err := NewLive(emptyFile(t), g, Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, none := v.Finish(t.Context())
	set, err := NewPageSet(PageSize)
	if err != nil {
		t.Fatal(err)
	}
	other := v.Pass(t.Context(), set)
	if err := v.Pass(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	twice := v.Pass(t.Context(), nil)
	full := emptyFile(t)
	if err := full.Truncate(1); err != nil {
		t.Fatal(err)
	}
	_, used := NewLive(full, g, Options{})
	for want, err := range map[string]error{
		"nothing was written": none, "a set of pages of 4096 bytes": other,
		"all pages after some": twice, "want a file that is empty": used,
	} {
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "memory file: write: ") {
			t.Errorf("error %v, want one that has %q", err, want)
		}
	}
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	all, err := NewPageSet(unitSize)
	if err == nil {
		err = all.Add(Extent{0, unitSize})
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Pass(t.Context(), all); !errors.Is(err, mem.ErrClosed) {
		t.Errorf("error %v", err)
	}
}
