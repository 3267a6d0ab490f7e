package virtq_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/hullvm/hull/devices/virtio/virtq"
	"github.com/hullvm/hull/devices/virtio/virtqtest"
	"github.com/hullvm/hull/mem"
)

const (
	next     = virtqtest.FlagNext
	write    = virtqtest.FlagWrite
	indirect = virtqtest.FlagIndirect
)

// open makes a driver of 8 entries with a queue.
func open(t *testing.T, o virtqtest.Options) (*virtqtest.Driver, *virtq.Queue) {
	t.Helper()
	o.Size = 8
	d := virtqtest.New(t, o)
	q, err := virtq.New(d.Memory.Guest, d.Layout(), d.RingOptions())
	if err != nil {
		t.Fatal(err)
	}
	return d, q
}

// wantBroken takes the next request, which breaks the ring's rules; want is in
// what is said of it. A ring that is broken stays so.
func wantBroken(t *testing.T, q *virtq.Queue, want string) {
	t.Helper()
	var c virtq.Chain
	ok, err := q.Next(&c)
	var broken *virtq.BrokenError
	if ok || !errors.As(err, &broken) || !strings.Contains(broken.Rule, want) {
		t.Fatalf("Next: %v, error %v; want a BrokenError with %q", ok, err, want)
	}
	if _, again := q.Next(&c); again != err {
		t.Errorf("second Next: %v, want %v", again, err)
	}
	if again := q.SetKicks(true); again != err {
		t.Errorf("SetKicks: %v, want %v", again, err)
	}
	if _, again := q.Ready(); again != err {
		t.Errorf("Ready: %v, want %v", again, err)
	}
	if again := q.Done(&c, 0); again != err {
		t.Errorf("Done: %v, want %v", again, err)
	}
	if q.InterruptWanted() {
		t.Error("a broken ring wants an interrupt")
	}
}

func TestBrokenChainsOfASplitRing(t *testing.T) {
	const far = 1 << 40 // no RAM there
	type desc = virtqtest.SplitDescriptor
	for _, test := range []struct {
		name  string
		ring  []desc // at 0
		head  uint16
		table []desc // where an indirect descriptor's Addr is 0
		want  string
	}{
		{"loop of one", []desc{{Len: 1, Flags: next, Next: 0}}, 0, nil, "loops"},
		{"loop of three", []desc{{Flags: next, Next: 1}, {Flags: next, Next: 2}, {Flags: next, Next: 0}}, 0, nil, "loops"},
		{"loop that the head is not in", []desc{{Flags: next, Next: 1}, {Flags: next, Next: 2}, {Flags: next, Next: 1}}, 0, nil, "loops"},
		{"head past the table", nil, 8, nil, "descriptor 8"},
		{"head far past the table", nil, 0xffff, nil, "descriptor 65535"},
		{"next past the table", []desc{{Flags: next, Next: 8}}, 0, nil, "descriptor 8"},
		{"readable after writable", []desc{{Len: 1, Flags: write | next, Next: 1}, {Len: 1}}, 0, nil, "readable"},
		{"beyond the last address", []desc{{Addr: 1<<64 - 1, Len: 2}}, 0, nil, "beyond"},
		{"far beyond the last address", []desc{{Addr: 1<<64 - 1<<31, Len: 1<<32 - 1}}, 0, nil, "beyond"},
		{"more than 4 GiB", []desc{{Len: 1<<32 - 1, Flags: next, Next: 1}, {Len: 2, Flags: write}}, 0, nil, "4 GiB"},
		{"table with NEXT", []desc{{Len: 16, Flags: indirect | next, Next: 1}}, 0, []desc{{Len: 1}}, "not the chain's last"},
		{"table of nothing", []desc{{Len: 0, Flags: indirect}}, 0, []desc{{Len: 1}}, "table of 0 bytes"},
		{"table of half a descriptor", []desc{{Len: 8, Flags: indirect}}, 0, []desc{{Len: 1}}, "table of 8 bytes"},
		{"table of one and a half", []desc{{Len: 24, Flags: indirect}}, 0, []desc{{Len: 1}}, "table of 24 bytes"},
		{"table of 4 GiB", []desc{{Len: 1<<32 - 16, Flags: indirect}}, 0, []desc{{Len: 1}}, "table of 4294967280 bytes"},
		{"table of 4 GiB less a byte", []desc{{Len: 1<<32 - 1, Flags: indirect}}, 0, []desc{{Len: 1}}, "table of"},
		{"table within a table", []desc{{Len: 16, Flags: indirect}}, 0, []desc{{Len: 16, Flags: indirect}}, "within another"},
		{"loop in a table", []desc{{Len: 32, Flags: indirect}}, 0, []desc{{Flags: next, Next: 1}, {Flags: next, Next: 0}}, "loops"},
		{"next past an indirect table", []desc{{Len: 32, Flags: indirect}}, 0, []desc{{Flags: next, Next: 2}}, "indirect descriptor 2"},
		{"readable after writable in a table", []desc{{Len: 32, Flags: indirect}}, 0, []desc{{Len: 1, Flags: write | next, Next: 1}, {Len: 1}}, "readable"},
		{"readable in a table after writable in the ring", []desc{{Len: 1, Flags: write | next, Next: 1}, {Len: 16, Flags: indirect}}, 0, []desc{{Len: 1}}, "readable"},
		{"table at the last address", []desc{{Addr: 1<<64 - 16, Len: 32, Flags: indirect}}, 0, nil, "not RAM"},
		{"table outside RAM", []desc{{Addr: far, Len: 16, Flags: indirect}}, 0, nil, "not RAM"},
	} {
		t.Run(test.name, func(t *testing.T) {
			d, q := open(t, virtqtest.Options{Indirect: true})
			s := d.Split()
			table := d.Memory.Alloc(1024)
			for i, e := range test.table {
				virtqtest.PutSplitDescriptor(d.Memory, table+mem.Addr(i)*16, e)
			}
			for i, e := range test.ring {
				if e.Flags&indirect != 0 && e.Addr == 0 {
					e.Addr = table
				}
				s.PutDescriptor(uint16(i), e)
			}
			s.PutAvailEntry(0, test.head)
			s.PutAvail(1)
			if test.want == "not RAM" {
				wantNoRAM(t, q)
				return
			}
			wantBroken(t, q, test.want)
		})
	}
}

// wantNoRAM takes the next request, whose description is not in RAM.
func wantNoRAM(t *testing.T, q *virtq.Queue) {
	t.Helper()
	var c virtq.Chain
	if ok, err := q.Next(&c); ok || !errors.Is(err, mem.ErrNotRAM) {
		t.Fatalf("Next: %v, error %v; want ErrNotRAM", ok, err)
	}
	if ok, err := q.Next(&c); ok || !errors.Is(err, mem.ErrNotRAM) {
		t.Fatalf("second Next: %v, error %v; want ErrNotRAM", ok, err)
	}
}

func TestBrokenChainsOfAPackedRing(t *testing.T) {
	type desc = virtqtest.PackedDescriptor
	for _, test := range []struct {
		name  string
		ring  []desc // from 0 on, in the first lap
		table []desc // where an indirect descriptor's Addr is 0
		want  string
	}{
		{"chain without an end", []desc{{Flags: next}, {Flags: next}, {Flags: next}, {Flags: next}, {Flags: next}, {Flags: next}, {Flags: next}, {Flags: next}}, nil, "longer than"},
		{"readable after writable", []desc{{Len: 1, Flags: write | next}, {Len: 1}}, nil, "readable"},
		{"beyond the last address", []desc{{Addr: 1<<64 - 1, Len: 2}}, nil, "beyond"},
		{"more than 4 GiB", []desc{{Len: 1<<32 - 1, Flags: next}, {Len: 2, Flags: write}}, nil, "4 GiB"},
		{"table with NEXT", []desc{{Len: 16, Flags: indirect | next}, {Len: 1}}, []desc{{Len: 1}}, "not the whole chain"},
		{"table behind a descriptor", []desc{{Len: 1, Flags: next}, {Len: 16, Flags: indirect}}, []desc{{Len: 1}}, "not the whole chain"},
		{"table of nothing", []desc{{Len: 0, Flags: indirect}}, []desc{{Len: 1}}, "table of 0 bytes"},
		{"table of half a descriptor", []desc{{Len: 8, Flags: indirect}}, []desc{{Len: 1}}, "table of 8 bytes"},
		{"table of one and a half", []desc{{Len: 24, Flags: indirect}}, []desc{{Len: 1}}, "table of 24 bytes"},
		{"table of 4 GiB", []desc{{Len: 1<<32 - 16, Flags: indirect}}, []desc{{Len: 1}}, "table of 4294967280 bytes"},
		{"table within a table", []desc{{Len: 16, Flags: indirect}}, []desc{{Len: 16, Flags: indirect}}, "within another"},
		{"readable after writable in a table", []desc{{Len: 32, Flags: indirect}}, []desc{{Len: 1, Flags: write}, {Len: 1}}, "readable"},
		{"table at the last address", []desc{{Addr: 1<<64 - 16, Len: 32, Flags: indirect}}, nil, "not RAM"},
		{"table outside RAM", []desc{{Addr: 1 << 40, Len: 16, Flags: indirect}}, nil, "not RAM"},
	} {
		t.Run(test.name, func(t *testing.T) {
			d, q := open(t, virtqtest.Options{Packed: true, Indirect: true})
			p := d.Packed()
			table := d.Memory.Alloc(1024)
			for i, e := range test.table {
				virtqtest.PutPackedDescriptor(d.Memory, table+mem.Addr(i)*16, e)
			}
			for i, e := range test.ring {
				if e.Flags&indirect != 0 && e.Addr == 0 {
					e.Addr = table
				}
				e.Flags |= virtqtest.FlagAvail
				p.PutDescriptor(uint16(i), e)
			}
			if test.want == "not RAM" {
				wantNoRAM(t, q)
				return
			}
			wantBroken(t, q, test.want)
		})
	}
}

func TestTablesThatWereNotNegotiatedAreRefused(t *testing.T) {
	d, q := open(t, virtqtest.Options{})
	d.Split().PutDescriptor(0, virtqtest.SplitDescriptor{Addr: d.Memory.Alloc(16), Len: 16, Flags: indirect})
	d.Split().PutAvail(1)
	wantBroken(t, q, "not negotiated")

	d, q = open(t, virtqtest.Options{Packed: true})
	d.Packed().PutDescriptor(0, virtqtest.PackedDescriptor{Addr: d.Memory.Alloc(16), Len: 16, Flags: indirect | virtqtest.FlagAvail})
	wantBroken(t, q, "not negotiated")
}

// What a driver may do though it looks odd.
func TestOddChainsAreTaken(t *testing.T) {
	check := func(t *testing.T, q *virtq.Queue, readable, writable []mem.Range) {
		t.Helper()
		var c virtq.Chain
		if ok, err := q.Next(&c); !ok || err != nil {
			t.Fatalf("Next: %v, error %v", ok, err)
		}
		if !equal(c.Readable, readable) || !equal(c.Writable, writable) {
			t.Errorf("chain is %v and %v, want %v and %v", c.Readable, c.Writable, readable, writable)
		}
		if err := q.Done(&c, 0); err != nil {
			t.Error(err)
		}
	}
	t.Run("split", func(t *testing.T) {
		type desc = virtqtest.SplitDescriptor
		d, q := open(t, virtqtest.Options{Indirect: true})
		s, table := d.Split(), d.Memory.Alloc(64)
		virtqtest.PutSplitDescriptor(d.Memory, table, desc{Addr: 8, Len: 8, Flags: next, Next: 3})
		virtqtest.PutSplitDescriptor(d.Memory, table+48, desc{Addr: 16, Len: 8, Flags: write})
		s.PutDescriptor(7, desc{Addr: 1, Len: 1, Flags: next, Next: 2})
		s.PutDescriptor(2, desc{Addr: table, Len: 64, Flags: indirect | write, Next: 99}) // WRITE means nothing here
		s.PutDescriptor(3, desc{Addr: 1<<64 - 4, Len: 3})                                 // not in RAM, found out by who uses it
		s.PutDescriptor(4, desc{Flags: 0xfff8})                                           // flags that mean nothing, and no bytes
		s.PutAvailEntry(0, 7)
		s.PutAvailEntry(1, 3)
		s.PutAvailEntry(2, 4)
		s.PutAvail(3)
		check(t, q, []mem.Range{{Addr: 1, Len: 1}, {Addr: 8, Len: 8}}, []mem.Range{{Addr: 16, Len: 8}})
		check(t, q, []mem.Range{{Addr: 1<<64 - 4, Len: 3}}, nil)
		check(t, q, nil, nil)
	})
	t.Run("packed", func(t *testing.T) {
		type desc = virtqtest.PackedDescriptor
		d, q := open(t, virtqtest.Options{Packed: true, Indirect: true})
		p, table := d.Packed(), d.Memory.Alloc(32)
		virtqtest.PutPackedDescriptor(d.Memory, table, desc{Addr: 8, Len: 8, Flags: 0xffff &^ (write | indirect)}) // NEXT means nothing here
		virtqtest.PutPackedDescriptor(d.Memory, table+16, desc{Addr: 16, Len: 8, Flags: write})
		p.PutDescriptor(0, desc{Addr: table, Len: 32, Flags: indirect | write | virtqtest.FlagAvail, ID: 0xffff})
		p.PutDescriptor(1, desc{Addr: 1<<64 - 4, Len: 3, Flags: virtqtest.FlagAvail, ID: 0xffff})
		p.PutDescriptor(2, desc{Flags: virtqtest.FlagAvail | 0x7f78})
		check(t, q, []mem.Range{{Addr: 8, Len: 8}}, []mem.Range{{Addr: 16, Len: 8}})
		check(t, q, []mem.Range{{Addr: 1<<64 - 4, Len: 3}}, nil)
		check(t, q, nil, nil)
	})
}

func equal(a, b []mem.Range) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func TestChainsAreBounded(t *testing.T) {
	for _, packed := range []bool{false, true} {
		for _, n := range []int{1024, 1025} {
			d, q := open(t, virtqtest.Options{Packed: packed, Indirect: true})
			buffers := make([]virtqtest.Buffer, n)
			for i := range buffers {
				buffers[i] = virtqtest.Buffer{Addr: mem.Addr(i), Len: 1}
			}
			d.AddBuffers(buffers...)
			if n > 1024 {
				wantBroken(t, q, "table of 16400 bytes")
				continue
			}
			var c virtq.Chain
			if ok, err := q.Next(&c); !ok || err != nil || len(c.Readable) != n {
				t.Errorf("packed %v, chain of %d: %v, error %v, got %d", packed, n, ok, err, len(c.Readable))
			}
		}
	}
}
