package memfile

import (
	"testing"

	"github.com/hullvm/hull/mem"
)

// fake is one slot of memory at an address that is nobody's, each page of which
// begins with its number from 1.
type fake struct {
	slots []mem.Slot
	read  []mem.Addr
}

func (s *fake) Slots() []mem.Slot     { return s.slots }
func (s *fake) Replaced(int) []uint64 { return nil }

func (s *fake) ReadAt(p []byte, a mem.Addr) error {
	clear(p)
	for off := 0; off < len(p); off += PageSize {
		p[off] = byte(a/PageSize) + byte(off/PageSize) + 1
		s.read = append(s.read, a+mem.Addr(off))
	}
	return nil
}

// What the kernel may say of a page, told by a file that says it: a page that is
// swapped out is memory that was written like any other.
func TestEachKindOfPage(t *testing.T) {
	const at = 100 // page of the slot in the process
	entries := []struct {
		entry                uint64
		anonymous, ofAnImage bool // is read from the guest
	}{
		{0, false, false},
		{pagePresent, true, true},
		{pageSwapped, true, true},
		{pagePresent | pageOfFile, true, false},
		{pageSwapped | pageOfFile, true, false}, // a page of a file that is being moved
		{pageOfFile, false, false},
		{1 << 55, false, false}, // soft-dirty alone
	}
	maps := emptyFile(t)
	var b []byte
	for _, e := range entries {
		b = le.AppendUint64(b, e.entry)
	}
	if _, err := maps.WriteAt(b, at*pagemapEntry); err != nil {
		t.Fatal(err)
	}
	base := emptyFile(t)
	for i := range entries {
		if _, err := base.WriteAt([]byte{byte(100 + i)}, int64(i)*PageSize); err != nil {
			t.Fatal(err)
		}
	}
	if err := base.Truncate(int64(len(entries)) * PageSize); err != nil {
		t.Fatal(err)
	}
	for _, image := range []bool{false, true} {
		src := &fake{slots: []mem.Slot{{Size: uint64(len(entries)) * PageSize, Host: at * PageSize, FD: -1, Image: image}}}
		f, _ := written(t, src, Options{Pagemap: maps, Base: base})
		for i, e := range entries {
			want := byte(0)
			switch {
			case image && e.ofAnImage, !image && e.anonymous:
				want = byte(i + 1)
			case image:
				want = byte(100 + i)
			}
			var got [1]byte
			if _, err := f.ReadAt(got[:], int64(i)*PageSize); err != nil || got[0] != want {
				t.Errorf("image %v, entry %#x: page begins with %d, want %d; %v", image, e.entry, got[0], want, err)
			}
		}
	}
}
