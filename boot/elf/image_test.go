package elf

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hullvm/hull/boot/boottest"
	"github.com/hullvm/hull/mem"
)

func open(b []byte) (*Image, error) { return Open(bytes.NewReader(b), int64(len(b))) }

func newMemory(t testing.TB, size uint64) *mem.Guest {
	t.Helper()
	g, err := mem.New(mem.Options{Size: size, Overcommit: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Close() })
	return g
}

func TestSegmentsAreSorted(t *testing.T) {
	k := boottest.NewVMLinux([]byte("code"), []byte("data"))
	k.Segments[0], k.Segments[1] = k.Segments[1], k.Segments[0]
	image, err := open(k.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if first, size := image.Extent(); first != 16<<20 || size != 3<<20 {
		t.Errorf("extent %#x, %#x bytes", first, size)
	}
	g := newMemory(t, 32<<20)
	if err := image.Load(g); err != nil {
		t.Fatal(err)
	}
	for at, want := range map[mem.Addr]string{16 << 20: "code", 18 << 20: "data"} {
		got := make([]byte, len(want))
		if err := g.ReadAt(got, at); err != nil || string(got) != want {
			t.Errorf("%#x holds %q, %v, want %q", at, got, err, want)
		}
	}
}

func TestLoadStaysInRAM(t *testing.T) {
	image, err := open(boottest.NewVMLinux([]byte("code"), []byte("data")).Bytes())
	if err != nil {
		t.Fatal(err)
	}
	err = image.Load(newMemory(t, 18<<20+4096))
	if err == nil || !strings.Contains(err.Error(), "not all of it is RAM") {
		t.Errorf("error %v", err)
	}
}

func TestEntry(t *testing.T) {
	const high = 0xffffffff80000000
	for name, test := range map[string]struct {
		entry    uint64
		segments []boottest.Segment
		want     mem.Addr
	}{
		"physical": {2 << 20, []boottest.Segment{{Virtual: high, Addr: 2 << 20}}, 2 << 20},
		"virtual":  {high + 5, []boottest.Segment{{Virtual: high, Addr: 2 << 20}}, 2<<20 + 5},
		"the same": {2<<20 + 7, []boottest.Segment{{Virtual: 2 << 20, Addr: 2 << 20}}, 2<<20 + 7},
		"virtual, and physical of another": {
			3 << 20,
			[]boottest.Segment{{Virtual: 2 << 20, Addr: 3 << 20}, {Virtual: 3 << 20, Addr: 4 << 20}},
			4 << 20,
		},
		"virtual in what is no code": {
			3 << 20,
			[]boottest.Segment{{Virtual: high, Addr: 3 << 20}, {Flags: 6, Virtual: 3 << 20, Addr: 4 << 20}},
			3 << 20,
		},
	} {
		k := boottest.ELF{Class: 2, Machine: 62, Type: 2, Entry: test.entry}
		for _, s := range test.segments {
			if s.Flags == 0 {
				s.Flags = 5
			}
			s.Type, s.Data = 1, make([]byte, 64)
			k.Segments = append(k.Segments, s)
		}
		image, err := open(k.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if got, err := image.Entry(); err != nil || got != test.want {
			t.Errorf("%s: entry %#x, %v, want %#x", name, got, err, test.want)
		}
	}
}

func TestNotes(t *testing.T) {
	long := boottest.Note("A", 1, []byte("12345"))
	wide := append(boottest.Note("GNU", 5, []byte("12345678")), boottest.Note("B", 2, nil)...)
	for name, test := range map[string]struct {
		b     []byte
		align uint64
		want  []Note
	}{
		"none":            {nil, 4, nil},
		"less than one":   {long[:11], 4, nil},
		"padded":          {append(long[:len(long):len(long)], long...), 0, []Note{{"A", 1, []byte("12345")}, {"A", 1, []byte("12345")}}},
		"padding is gone": {long[:len(long)-3], 4, []Note{{"A", 1, []byte("12345")}}},
		"wide":            {wide, 8, []Note{{"GNU", 5, []byte("12345678")}, {"B", 2, []byte{}}}},
	} {
		got, err := parseNotes(test.b, test.align)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	for name, b := range map[string][]byte{
		"owner too long":         {0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 1, 0, 0, 0, 'A', 0, 0, 0},
		"content too long":       {2, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0, 'A', 0, 0, 0},
		"content behind the end": {2, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 'A', 0, 0, 0},
	} {
		if notes, err := parseNotes(b, 4); err == nil {
			t.Errorf("%s: read as %v", name, notes)
		}
	}
}

func TestReadErrorsKeepTheirCause(t *testing.T) {
	cause := errors.New("input/output error")
	if _, err := Open(failing{cause}, 1<<20); !errors.Is(err, cause) {
		t.Errorf("error %v", err)
	}
}

type failing struct{ err error }

func (f failing) ReadAt([]byte, int64) (int, error) { return 0, f.err }

func FuzzImage(f *testing.F) {
	good := boottest.NewVMLinux([]byte("code"), []byte("data")).Bytes()
	f.Add(good)
	f.Add(good[:200])
	odd := boottest.NewVMLinux([]byte("code"), []byte("data"))
	odd.Segments[1].Addr, odd.Segments[1].MemSize = 1<<64-8, 8
	f.Add(odd.Bytes())
	g, err := mem.New(mem.Options{Size: 32 << 20, Overcommit: true})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = g.Close() })
	f.Fuzz(func(t *testing.T, b []byte) {
		image, err := open(b)
		if err != nil {
			return
		}
		first, size := image.Extent()
		for _, s := range image.Segments {
			if s.MemSize == 0 || s.FileSize > s.MemSize || s.Addr < first || uint64(s.Addr-first)+s.MemSize > size {
				t.Errorf("segment %+v, extent %#x, %#x bytes", s, first, size)
			}
			if s.Offset < 0 || uint64(s.Offset)+s.FileSize > uint64(len(b)) {
				t.Errorf("segment %+v of a file of %d bytes", s, len(b))
			}
		}
		if entry, err := image.Entry(); err == nil && !image.HasCode(entry) {
			t.Errorf("entry %#x is not in code", entry)
		}
		if err := image.Load(g); err == nil && !g.Contains(first, image.Segments[0].MemSize) {
			t.Errorf("loaded at %#x, where no RAM is", first)
		}
		_, _ = image.Notes()
	})
}

func FuzzNotes(f *testing.F) {
	f.Add(append(boottest.Note("Xen", 6, []byte("linux")), boottest.Note("Xen", 18, []byte{0, 0, 0, 1})...), uint64(4))
	f.Add(boottest.Note("GNU", 3, make([]byte, 20)), uint64(8))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0, 1}, uint64(1<<63))
	f.Fuzz(func(t *testing.T, b []byte, align uint64) {
		notes, err := parseNotes(b, align)
		if err != nil {
			return
		}
		var total int
		for _, n := range notes {
			total += noteHeader + len(n.Owner) + len(n.Desc)
		}
		if total > len(b) {
			t.Errorf("%d bytes of notes in %d", total, len(b))
		}
		if align == 8 {
			return
		}
		var again []byte
		for _, n := range notes {
			again = append(again, boottest.Note(n.Owner, n.Type, n.Desc)...)
		}
		if got, err := parseNotes(again, 4); err != nil || !cmp.Equal(got, notes) {
			t.Errorf("%v written and read again is %v, %v", notes, got, err)
		}
	})
}
