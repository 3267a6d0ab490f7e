package virtq_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/hullvm/hull/devices/virtio/virtq"
	"github.com/hullvm/hull/devices/virtio/virtqtest"
	"github.com/hullvm/hull/mem"
)

// Slices and copies of ranges, at every offset and of every length, against a
// list of single bytes.
func TestRangesAreCutAndCopiedByteByByte(t *testing.T) {
	m := virtqtest.NewMemory(t, 4*mem.PageSize)
	ranges := []mem.Range{{Addr: 0x1000, Len: 3}, {Addr: 0x2000, Len: 1}, {Addr: 0x1ffe, Len: 2}, {Addr: 0x3000, Len: 5}}
	var addrs []mem.Addr
	for _, r := range ranges {
		for i := range mem.Addr(r.Len) {
			addrs = append(addrs, r.Addr+i)
		}
	}
	for i, a := range addrs {
		if err := m.PutUint8(a, byte(i+1)); err != nil {
			t.Fatal(err)
		}
	}
	for skip := range len(addrs) + 3 {
		for n := range len(addrs) + 3 {
			want := addrs[min(skip, len(addrs)):min(skip+n, len(addrs))]
			got := virtq.Slice(nil, ranges, uint64(skip), uint64(n))
			var flat []mem.Addr
			for _, r := range got {
				if r.Len == 0 {
					t.Errorf("Slice(%d, %d) has an empty range", skip, n)
				}
				for i := range mem.Addr(r.Len) {
					flat = append(flat, r.Addr+i)
				}
			}
			if len(flat) != len(want) || len(want) > 0 && !sameAddrs(flat, want) {
				t.Errorf("Slice(%d, %d) is %#x, want %#x", skip, n, flat, want)
			}

			p := make([]byte, n)
			k, err := virtq.CopyFrom(m.Guest, p, ranges, uint64(skip))
			if err != nil || k != len(want) {
				t.Fatalf("CopyFrom(%d, %d): %d bytes, error %v, want %d", skip, n, k, err, len(want))
			}
			for i := range k {
				if p[i] != byte(skip+i+1) {
					t.Fatalf("CopyFrom(%d, %d) is %x", skip, n, p)
				}
			}

			before := contents(t, m.Guest)
			p = bytes.Repeat([]byte{0xee}, n)
			if k, err := virtq.CopyTo(m.Guest, p, ranges, uint64(skip)); err != nil || k != len(want) {
				t.Fatalf("CopyTo(%d, %d): %d bytes, error %v, want %d", skip, n, k, err, len(want))
			}
			changed := contents(t, m.Guest)
			for i, a := range want {
				if changed[a] != 0xee {
					t.Fatalf("CopyTo(%d, %d): byte %d is %x", skip, n, i, changed[a])
				}
				changed[a] = before[a]
			}
			if !bytes.Equal(changed, before) {
				t.Fatalf("CopyTo(%d, %d) wrote elsewhere", skip, n)
			}
			if err := m.WriteAt(before, 0); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func sameAddrs(a, b []mem.Addr) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func TestSliceUsesItsDestinationAgain(t *testing.T) {
	dst := make([]mem.Range, 5, 8)
	got := virtq.Slice(dst, []mem.Range{{Addr: 1, Len: 4}}, 1, 2)
	if len(got) != 1 || got[0] != (mem.Range{Addr: 2, Len: 2}) || &got[0] != &dst[0] {
		t.Errorf("Slice is %v", got)
	}
}

// A range outside RAM is an error, after what came before it was copied.
func TestCopiesStopAtWhatIsNotRAM(t *testing.T) {
	m := virtqtest.NewMemory(t, 2*mem.PageSize)
	for _, bad := range []mem.Range{
		{Addr: 2 * mem.PageSize, Len: 1},
		{Addr: 2*mem.PageSize - 1, Len: 2},
		{Addr: 1<<64 - 1, Len: 1},
		{Addr: 0, Len: 1<<32 - 1},
	} {
		ranges := []mem.Range{{Addr: 0x100, Len: 2}, bad}
		p := make([]byte, 4+mem.PageSize*3)
		if n, err := virtq.CopyFrom(m.Guest, p, ranges, 0); n != 2 || !errors.Is(err, mem.ErrNotRAM) {
			t.Errorf("%v: CopyFrom copied %d, error %v", bad, n, err)
		}
		if n, err := virtq.CopyTo(m.Guest, p, ranges, 0); n != 2 || !errors.Is(err, mem.ErrNotRAM) {
			t.Errorf("%v: CopyTo copied %d, error %v", bad, n, err)
		}
		if n, err := virtq.CopyTo(m.Guest, p[:2], ranges, 0); n != 2 || err != nil {
			t.Errorf("%v: CopyTo of what fits before: %d, error %v", bad, n, err)
		}
	}
}

func TestLengthsDoNotOverflow(t *testing.T) {
	c := virtq.Chain{
		Readable: []mem.Range{{Len: 1<<32 - 1}, {Len: 1<<32 - 1}},
		Writable: []mem.Range{{Len: 1<<32 - 1}, {Len: 3}},
	}
	if c.ReadableLen() != 1<<33-2 || c.WritableLen() != 1<<32+2 {
		t.Errorf("lengths are %d and %d", c.ReadableLen(), c.WritableLen())
	}
}
