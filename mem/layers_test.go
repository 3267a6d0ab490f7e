package mem

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// randomFile is a file of pages of random bytes, with its content.
func randomFile(t *testing.T, r *rand.Rand, pages int) (*os.File, []byte) {
	t.Helper()
	b := make([]byte, pages*PageSize)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	f, err := os.Create(filepath.Join(t.TempDir(), "layer"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	if _, err := f.Write(b); err != nil {
		t.Fatal(err)
	}
	return f, b
}

// Memory is its image with the layers over it, whatever backs it, also where parts
// cross regions, and goes on like any other.
func TestLayersLieOverTheImage(t *testing.T) {
	const pages = 400
	r := rand.New(rand.NewPCG(1, 2))
	base, want := randomFile(t, r, pages)
	var layers []Layer
	for range 3 {
		f, content := randomFile(t, r, pages)
		l := Layer{File: f}
		for at := 0; ; {
			at += r.IntN(10)
			n := 1 + r.IntN(40) // of which from 16 on are mapped
			if at+n > pages {
				break
			}
			l.Parts = append(l.Parts, Part{int64(at) * PageSize, int64(n) * PageSize})
			copy(want[at*PageSize:(at+n)*PageSize], content[at*PageSize:])
			at += n
		}
		layers = append(layers, l)
	}
	for name, o := range map[string]Options{"mapped": {}, "shared": {Shared: true}} {
		o.Size, o.Image, o.Layers = pages*PageSize, base, layers
		if err := o.validate(); err != nil {
			t.Fatal(err)
		}
		const first = 123 * PageSize
		g, err := newGuest(o, []extent{{0, first}, {1 << 30, pages*PageSize - first}})
		if err != nil {
			t.Fatal(err)
		}
		check := func(want []byte) {
			t.Helper()
			got := make([]byte, len(want))
			if err := g.ReadAt(got[:first], 0); err != nil {
				t.Fatal(err)
			}
			if err := g.ReadAt(got[first:], 1<<30); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s memory is not its image with the layers", name)
			}
		}
		check(want)
		now := bytes.Clone(want)
		copy(now[7*PageSize:], "new")
		clear(now[20*PageSize : 60*PageSize])
		if err := g.WriteAt([]byte("new"), 7*PageSize); err != nil {
			t.Fatal(err)
		}
		if err := g.Discard(20*PageSize, 40*PageSize); err != nil {
			t.Fatal(err)
		}
		check(now)
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestLayersThatAreRefused(t *testing.T) {
	base, short := image(t, 4), image(t, 3)
	for want, o := range map[string]Options{
		"layers without an image":       {Layers: []Layer{{File: base}}},
		"layer 0: no file":              {Image: base, Layers: []Layer{{}}},
		"layer 1: image of 12288":       {Image: base, Layers: []Layer{{File: base}, {File: short}}},
		"4096 bytes at 16384":           {Image: base, Layers: []Layer{{File: base, Parts: []Part{{4 * PageSize, PageSize}}}}},
		"8192 bytes at 12288":           {Image: base, Layers: []Layer{{File: base, Parts: []Part{{3 * PageSize, 2 * PageSize}}}}},
		"4096 bytes at 0: want pages f": {Image: base, Layers: []Layer{{File: base, Parts: []Part{{0, PageSize}, {0, PageSize}}}}},
		"4096 bytes at 1":               {Image: base, Layers: []Layer{{File: base, Parts: []Part{{1, PageSize}}}}},
		"0 bytes at 0":                  {Image: base, Layers: []Layer{{File: base, Parts: []Part{{0, 0}}}}},
		"4096 bytes at -4096":           {Image: base, Layers: []Layer{{File: base, Parts: []Part{{-PageSize, PageSize}}}}},
	} {
		o.Size = 4 * PageSize
		g, err := New(o)
		if err == nil {
			_ = g.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that has %q", err, want)
		}
	}
}

// More parts than are mapped are copied.
func TestPartsBeyondTheMostAreCopied(t *testing.T) {
	const parts = maxLayered + 5
	const stride = minLayered + PageSize
	path := filepath.Join(t.TempDir(), "layer")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(parts * stride); err != nil {
		t.Fatal(err)
	}
	l := Layer{File: f}
	for i := range int64(parts) {
		l.Parts = append(l.Parts, Part{i * stride, minLayered})
		if _, err := f.WriteAt([]byte{1}, i*stride); err != nil {
			t.Fatal(err)
		}
	}
	empty, err := os.Create(path + ".base")
	if err != nil {
		t.Fatal(err)
	}
	defer empty.Close()
	if err := empty.Truncate(parts * stride); err != nil {
		t.Fatal(err)
	}
	g, err := New(Options{Size: parts * stride, Image: empty, Layers: []Layer{l}})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	for _, i := range []Addr{0, maxLayered - 1, maxLayered, parts - 1} {
		if b, err := g.Uint8(i * stride); err != nil || b != 1 {
			t.Errorf("part %d begins with %d, %v", i, b, err)
		}
	}
}
