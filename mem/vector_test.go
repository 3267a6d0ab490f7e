package mem

import (
	"bytes"
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

func TestScatterAndGatherReachMemoryWhereItLies(t *testing.T) {
	g := twoRegions(t)
	if err := g.StartDirtyLog(); err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	if _, err := w.WriteString("abcdefgh"); err != nil {
		t.Fatal(err)
	}
	// The second range passes from one region into the next.
	ranges := []Range{{Addr: 3, Len: 2}, {Addr: 5*PageSize - 2, Len: 4}, {Addr: 0x100, Len: 0}, {Addr: 0x1000, Len: 100}}
	n, err := g.Scatter(ranges, func(iov []unix.Iovec) (int, error) {
		if len(iov) != 4 {
			t.Errorf("%d vectors, want 4", len(iov))
		}
		return unix.Readv(int(r.Fd()), buffers(iov))
	})
	if n != 8 || err != nil {
		t.Fatalf("scattered %d bytes, %v", n, err)
	}
	for _, want := range []struct {
		at   Addr
		text string
	}{{3, "ab"}, {5*PageSize - 2, "cdef"}, {0x1000, "gh"}} {
		got := make([]byte, len(want.text))
		if err := g.ReadAt(got, want.at); err != nil || string(got) != want.text {
			t.Errorf("at %#x: %q, %v; want %q", uint64(want.at), got, err, want.text)
		}
	}
	for slot, want := range []uint64{0b11, 0b1, 0b1} {
		bits := make([]uint64, 1)
		if _, err := g.FetchDirtyLog(slot, bits); err != nil || bits[0] != want {
			t.Errorf("slot %d: dirty pages %b, %v; want %b", slot, bits[0], err, want)
		}
	}
	n, err = g.Gather(ranges[:2], func(iov []unix.Iovec) (int, error) { return unix.Writev(int(w.Fd()), buffers(iov)) })
	if n != 6 || err != nil {
		t.Fatalf("gathered %d bytes, %v", n, err)
	}
	got := make([]byte, 6)
	if _, err := r.Read(got); err != nil || string(got) != "abcdef" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestVectorsOutsideOfMemoryAreRefused(t *testing.T) {
	g := twoRegions(t)
	for _, ranges := range [][]Range{
		{{Addr: 0, Len: 8}, {Addr: 2 * PageSize, Len: 1}},
		{{Addr: 2*PageSize - 1, Len: 2}},
		{{Addr: ^Addr(0), Len: ^uint32(0)}},
	} {
		called := func([]unix.Iovec) (int, error) { t.Error("called"); return 0, nil }
		if _, err := g.Scatter(ranges, called); !errors.Is(err, ErrNotRAM) {
			t.Errorf("%v: %v, want ErrNotRAM", ranges, err)
		}
		if _, err := g.Gather(ranges, called); !errors.Is(err, ErrNotRAM) {
			t.Errorf("%v: %v, want ErrNotRAM", ranges, err)
		}
	}
}

func TestDiscardGivesWholePagesBack(t *testing.T) {
	for name, o := range map[string]Options{"anonymous": {Size: 4 * PageSize}, "shared": {Size: 4 * PageSize, Shared: true}} {
		t.Run(name, func(t *testing.T) {
			g := newTestGuest(t, o)
			full := bytes.Repeat([]byte{7}, 4*PageSize)
			if err := g.WriteAt(full, 0); err != nil {
				t.Fatal(err)
			}
			// From the middle of page 0 to the middle of page 3: pages 1 and 2.
			if err := g.Discard(PageSize/2, 3*PageSize); err != nil {
				t.Fatal(err)
			}
			want := bytes.Clone(full)
			clear(want[PageSize : 3*PageSize])
			got := make([]byte, len(full))
			if err := g.ReadAt(got, 0); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%v, or pages are not as they should be", err)
			}
			if err := g.Discard(3*PageSize, 2*PageSize); !errors.Is(err, ErrNotRAM) {
				t.Errorf("discard past the end: %v", err)
			}
		})
	}
}

// buffers is iov as the wrappers of x/sys take it.
func buffers(iov []unix.Iovec) [][]byte {
	var b [][]byte
	for _, v := range iov {
		b = append(b, bytesOf(v))
	}
	return b
}
