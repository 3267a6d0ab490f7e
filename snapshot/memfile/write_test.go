package memfile

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/hullvm/hull/mem"
)

func written(t testing.TB, src Source, o Options) (*os.File, *Result) {
	t.Helper()
	f := emptyFile(t)
	r, err := Write(t.Context(), f, src, o)
	if err != nil {
		t.Fatal(err)
	}
	return f, r
}

func TestMemoryIsWrittenAsItIs(t *testing.T) {
	for name, o := range map[string]mem.Options{"private": {Size: large}, "shared": {Size: large, Shared: true}} {
		t.Run(name, func(t *testing.T) {
			g := &counted{Guest: used(t, o)}
			before, err := g.Resident()
			if err != nil {
				t.Fatal(err)
			}
			f, r := written(t, g, Options{Pagemap: pagemap(t)})
			if uint64(g.read) != before {
				t.Errorf("%d bytes were read, and the guest has used %d", g.read, before)
			}
			if after, err := g.Resident(); err != nil || after != before {
				t.Errorf("the host held %d bytes, and holds %d; %v", before, after, err)
			}
			if r.Data >= int64(before) || r.Data == 0 {
				t.Errorf("%d bytes of data of %d that are used and in part zero", r.Data, before)
			}
			wantHoles(t, f, r)
			wantMemory(t, f, g.Guest, r.Sums)
			if err := Verify(t.Context(), f, r.Sums, nil); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestWithoutAPagemapAllIsRead(t *testing.T) {
	g := guestOf(t, mem.Options{Size: unitSize + 3*PageSize})
	if err := g.WriteAt([]byte{1}, unitSize); err != nil {
		t.Fatal(err)
	}
	c := &counted{Guest: g}
	f, r := written(t, c, Options{})
	if c.read != unitSize+3*PageSize || r.Data != PageSize {
		t.Errorf("%d bytes read, %d written", c.read, r.Data)
	}
	wantHoles(t, f, r)
	if err := Verify(t.Context(), f, r.Sums, nil); err != nil {
		t.Error(err)
	}
}

// A restored machine is saved again, and its file is as whole as the first.
func TestMemoryThatBeganAsAFile(t *testing.T) {
	maps := pagemap(t)
	for name, test := range map[string]struct {
		size          uint64
		pagemap, base bool
	}{
		"with all":          {large, true, true},
		"without its file":  {small, true, false},
		"without a pagemap": {small, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			image, _ := written(t, used(t, mem.Options{Size: test.size}), Options{Pagemap: maps})
			g := &counted{Guest: guestOf(t, mem.Options{Size: test.size, Overcommit: true, Image: image})}
			if err := g.WriteAt([]byte{1, 2, 3}, 5*ChunkSize); err != nil {
				t.Fatal(err)
			}
			if err := g.Zero(unitSize, PageSize); err != nil { // was data
				t.Fatal(err)
			}
			if err := g.Discard(unitSize-2*PageSize, 2*PageSize); err != nil { // likewise
				t.Fatal(err)
			}
			if err := g.WriteAt([]byte{4}, unitSize-PageSize); err != nil {
				t.Fatal(err)
			}
			if _, err := g.Uint8(0); err != nil { // a page that is looked at
				t.Fatal(err)
			}
			var o Options
			if test.pagemap {
				o.Pagemap = maps
			}
			if test.base {
				o.Base = image
			}
			f, r := written(t, g, o)
			if all := test.base && test.pagemap; all && g.read != 3*PageSize || !all && int64(g.read) != r.Size {
				t.Errorf("%d bytes of the memory were read", g.read)
			}
			wantHoles(t, f, r)
			wantMemory(t, f, g.Guest, r.Sums)
		})
	}
}

func TestPagesOfASetAreWritten(t *testing.T) {
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
	f := emptyFile(t)
	r, err := WriteRuns(t.Context(), f, g, pages, Options{Pagemap: maps, Base: image})
	if err != nil {
		t.Fatal(err)
	}
	wantHoles(t, f, r)
	if r.Data >= pages.Bytes() {
		t.Errorf("%d bytes of data, and %d of pages of which some are zero", r.Data, pages.Bytes())
	}
	if err := Verify(t.Context(), f, r.Sums, nil); err != nil {
		t.Error(err)
	}
	_, whole := written(t, g, Options{Pagemap: maps, Base: image})
	// The parent's file, with the pages laid over it, is the memory.
	var n int64
	for e := range pages.Extents() {
		b := make([]byte, e.Size)
		if _, err := f.ReadAt(b, e.Offset); err != nil {
			t.Fatal(err)
		}
		if _, err := image.WriteAt(b, e.Offset); err != nil {
			t.Fatal(err)
		}
		n += e.Size
	}
	if n != pages.Bytes() {
		t.Errorf("extents of %d bytes, of a set of %d", n, pages.Bytes())
	}
	if err := Verify(t.Context(), image, whole.Sums, nil); err != nil {
		t.Error(err)
	}
}

func TestProgressAndItsEnd(t *testing.T) {
	g := guestOf(t, mem.Options{Size: 10 * unitSize})
	var last int64
	_, r := written(t, g, Options{Progress: func(done, total int64) {
		if done <= last || total != 10*unitSize {
			t.Errorf("%d of %d after %d", done, total, last)
		}
		last = done
	}})
	if last != r.Size {
		t.Errorf("the last progress was %d", last)
	}
	why := errors.New("why")
	ctx, cancel := context.WithCancelCause(t.Context())
	_, err := Write(ctx, emptyFile(t), g, Options{Progress: func(done, _ int64) {
		if done == 2*unitSize {
			cancel(why)
		}
	}})
	if !errors.Is(err, why) || !strings.HasPrefix(err.Error(), "memory file: write: after ") {
		t.Errorf("error %v", err)
	}
}

func TestWhatCannotBeWritten(t *testing.T) {
	g := guestOf(t, mem.Options{Size: unitSize})
	other, _ := written(t, guestOf(t, mem.Options{Size: PageSize}), Options{})
	full := emptyFile(t)
	if err := full.Truncate(1); err != nil {
		t.Fatal(err)
	}
	set, err := NewPageSet(PageSize)
	if err != nil {
		t.Fatal(err)
	}
	readOnly, err := os.Open(emptyFile(t).Name())
	if err != nil {
		t.Fatal(err)
	}
	defer readOnly.Close()
	closed := guestOf(t, mem.Options{Size: PageSize})
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	write := func(f *os.File, g Source, pages *PageSet, o Options) error {
		_, err := WriteRuns(t.Context(), f, g, pages, o)
		if pages == nil {
			_, err = Write(t.Context(), f, g, o)
		}
		return err
	}
	for want, err := range map[string]error{
		"want a file that is empty":                                write(full, g, nil, Options{}),
		"began as: it has 4096 bytes, and the memory 16777216":     write(emptyFile(t), g, nil, Options{Base: other}),
		"a set of pages of 4096 bytes, and memory of 16777216":     write(emptyFile(t), g, set, Options{}),
		"truncate: invalid argument":                               write(readOnly, g, nil, Options{}),
		"guest memory: read 4096 bytes at 0x0: guest memory is cl": write(emptyFile(t), closed, nil, Options{}),
		"there is no memory":                                       write(emptyFile(t), &fake{}, nil, Options{}),
		"what the guest has used of 0x0: pagemap: read 0 of 4096":  write(emptyFile(t), g, nil, Options{Pagemap: other}),
	} {
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "memory file: write: ") {
			t.Errorf("error %v, want one that has %q", err, want)
		}
	}
	if err := write(readOnly, g, nil, Options{Base: closedFile(t)}); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("error %v", err)
	}
	if _, err := WriteRuns(t.Context(), emptyFile(t), g, nil, Options{}); err == nil {
		t.Error("no set of pages is written")
	}
}

func closedFile(t *testing.T) *os.File {
	f := emptyFile(t)
	_ = f.Close()
	return f
}

// BenchmarkWrite has a guest of 8 GiB that has used 200 MiB.
func BenchmarkWrite(b *testing.B) {
	g := guestOf(b, mem.Options{Size: 8 << 30, Overcommit: true})
	page := []byte(strings.Repeat("memory", ChunkSize/6))
	for i := range mem.Addr(200) {
		if err := g.WriteAt(page, i*7*ChunkSize); err != nil {
			b.Fatal(err)
		}
	}
	maps := pagemap(b)
	b.SetBytes(200 << 20)
	for b.Loop() {
		f, _ := written(b, g, Options{Pagemap: maps})
		b.StopTimer()
		if err := os.Remove(f.Name()); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}
