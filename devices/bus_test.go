package devices

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
)

// recorder is a handler that answers reads with the offset of each byte and
// writes down every call.
type recorder struct {
	name  string
	calls *[]string
}

func (r recorder) Read(off uint64, p []byte) {
	*r.calls = append(*r.calls, fmt.Sprintf("read %s %#x %d", r.name, off, len(p)))
	for i := range p {
		p[i] = byte(off) + byte(i)
	}
}

func (r recorder) Write(off uint64, p []byte) {
	*r.calls = append(*r.calls, fmt.Sprintf("write %s %#x %x", r.name, off, p))
}

func TestBusRoutesAndSplits(t *testing.T) {
	for _, test := range []struct {
		name  string
		addr  uint64
		n     int
		read  string // in hex
		calls string
	}{
		{"inside", 0x12, 2, "0203", "read a 0x2 2"},
		{"unaligned within a handler's width", 0x11, 4, "01020304", "read a 0x1 4"},
		{"eight bytes", 0x10, 8, "0001020304050607", "read a 0x0 8"},
		{"before every region", 0x0, 2, "ffff", ""},
		{"between regions", 0x29, 1, "ff", ""},
		{"across a region's start", 0xe, 4, "ffff0001", "read a 0x0 2"},
		{"across a region's end", 0x1e, 4, "0e0f0001", "read a 0xe 2; read b 0x0 2"},
		{"across a gap", 0x27, 10, "07ffffffffffffffff00", "read b 0x7 1; read c 0x0 1"},
		{"a length of three", 0x11, 3, "010203", "read a 0x1 1; read a 0x2 2"},
		{"a length of seven", 0x10, 7, "00010203040506", "read a 0x0 4; read a 0x4 2; read a 0x6 1"},
		{"a whole region alone", 0x40, 1, "00", "read w 0x0 1"},
		{"a whole region's end cut off", 0x41, 2, "ffff", ""},
		{"a whole region in the middle", 0x3f, 4, "ffffffff", ""},
		{"the last address", 0xff, 1, "07", "read last 0x7 1"},
		{"past the limit", 0xfe, 4, "0607ffff", "read last 0x6 2"},
		{"far past the limit", math.MaxUint64 - 1, 4, "ffffffff", ""},
		{"nothing", 0x10, 0, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			var calls []string
			bus := testBus(t, &calls)
			p := bytes.Repeat([]byte{0xaa}, test.n)
			bus.Read(test.addr, p)
			if got := fmt.Sprintf("%x", p); got != test.read {
				t.Errorf("read %s, want %s", got, test.read)
			}
			if got := strings.Join(calls, "; "); got != test.calls {
				t.Errorf("calls %q, want %q", got, test.calls)
			}
		})
	}
}

func testBus(t testing.TB, calls *[]string) *Bus {
	t.Helper()
	bus := NewBus("test", 0x100)
	// Not in order, in two calls.
	for _, regions := range [][]Region{
		{
			{Name: "b", Base: 0x20, Size: 8, Handler: recorder{"b", calls}},
			{Name: "last", Base: 0xf8, Size: 8, Handler: recorder{"last", calls}},
			{Name: "w", Base: 0x40, Size: 2, Handler: recorder{"w", calls}, Whole: true},
		},
		{
			{Name: "a", Base: 0x10, Size: 16, Handler: recorder{"a", calls}},
			{Name: "c", Base: 0x30, Size: 1, Handler: recorder{"c", calls}},
		},
	} {
		if err := bus.Add(regions...); err != nil {
			t.Fatal(err)
		}
	}
	return bus
}

func TestBusRefusesWhatCannotStand(t *testing.T) {
	h := recorder{"h", new([]string)}
	for _, test := range []struct {
		name   string
		limit  uint64
		region Region
		want   string
	}{
		{"no name", 0x100, Region{Base: 1, Size: 1, Handler: h}, "it has no name"},
		{"no handler", 0x100, Region{Name: "x", Base: 1, Size: 1}, "it has no handler"},
		{"no size", 0x100, Region{Name: "x", Base: 1, Handler: h}, "its size is 0"},
		{"past the limit", 0x100, Region{Name: "x", Base: 0xff, Size: 2, Handler: h}, "base 0xff and size 0x2 pass the limit 0x100"},
		{"base at the limit", 0x100, Region{Name: "x", Base: 0x100, Size: 1, Handler: h}, "pass the limit"},
		{"base and size wrap", math.MaxUint64, Region{Name: "x", Base: math.MaxUint64 - 1, Size: math.MaxUint64, Handler: h}, "pass the limit"},
		{"size alone too large", 0x100, Region{Name: "x", Size: 0x101, Handler: h}, "pass the limit"},
		{"same place", 0x100, Region{Name: "x", Base: 0x10, Size: 16, Handler: h}, `0x10-0x1f overlaps region "a" at 0x10-0x1f`},
		{"one byte from below", 0x100, Region{Name: "x", Base: 0x8, Size: 9, Handler: h}, `overlaps region "a"`},
		{"one byte from above", 0x100, Region{Name: "x", Base: 0x1f, Size: 1, Handler: h}, `overlaps region "a"`},
		{"around", 0x100, Region{Name: "x", Base: 0, Size: 0x30, Handler: h}, `overlaps region "a"`},
		{"same name", 0x100, Region{Name: "a", Base: 0x80, Size: 1, Handler: h}, "a region of that name is there already, at 0x10-0x1f"},
	} {
		t.Run(test.name, func(t *testing.T) {
			bus := NewBus("test", test.limit)
			if err := bus.Add(Region{Name: "a", Base: 0x10, Size: 16, Handler: h}); err != nil {
				t.Fatal(err)
			}
			// The good one before it must not stay when the bad one is refused.
			err := bus.Add(Region{Name: "good", Base: 0x90, Size: 1, Handler: h}, test.region)
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), `bus "test": add region `) {
				t.Errorf("error %v, want one that has %q", err, test.want)
			}
			if n := len(bus.Regions()); n != 1 {
				t.Errorf("%d regions are on the bus, want 1", n)
			}
		})
	}
}

func TestBusTakesTheWholeNumberLine(t *testing.T) {
	var calls []string
	bus := NewBus("test", math.MaxUint64)
	if err := bus.Add(Region{Name: "all", Size: math.MaxUint64, Handler: recorder{"all", &calls}}); err != nil {
		t.Fatal(err)
	}
	p := make([]byte, 4)
	bus.Read(math.MaxUint64-2, p)
	if want := []byte{0xfd, 0xfe, 0xff, 0xff}; !bytes.Equal(p, want) {
		t.Errorf("read %x, want %x", p, want)
	}
}

func TestBusMoveAndRemove(t *testing.T) {
	var calls []string
	bus := testBus(t, &calls)
	if err := bus.Move("a", 0x18); err == nil || !strings.Contains(err.Error(), `overlaps region "b"`) {
		t.Errorf("move onto another gave %v", err)
	}
	if err := bus.Move("a", 0xf9); err == nil {
		t.Error("move past the limit was accepted")
	}
	if err := bus.Move("a", 0x8); err != nil { // over its own old place
		t.Error(err)
	}
	p := make([]byte, 1)
	if bus.Read(0x8, p); p[0] != 0 {
		t.Errorf("new place reads %#x, want 0", p[0])
	}
	if bus.Read(0x18, p); p[0] != 0xff {
		t.Errorf("old place reads %#x, want 0xff", p[0])
	}
	if err := bus.Remove("a"); err != nil {
		t.Error(err)
	}
	if err := bus.Remove("a"); !errors.Is(err, errNoRegion) {
		t.Errorf("second remove gave %v", err)
	}
	if err := bus.Move("a", 0); !errors.Is(err, errNoRegion) {
		t.Errorf("move of a removed region gave %v", err)
	}
	if bus.Read(0x8, p); p[0] != 0xff {
		t.Errorf("removed region reads %#x", p[0])
	}
}

func TestBusChangesUnderAccesses(t *testing.T) {
	bus := NewBus("test", PortLimit)
	handler := constant(0x5a)
	if err := bus.Add(Region{Name: "still", Base: 0x100, Size: 8, Handler: handler}, Region{Name: "moving", Base: 0x200, Size: 8, Handler: handler}); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			var p [4]byte
			for range 2000 {
				if bus.Read(0x102, p[:]); p != [4]byte{0x5a, 0x5a, 0x5a, 0x5a} {
					t.Errorf("read %x", p)
					return
				}
			}
		})
	}
	for i := range 500 {
		if err := bus.Move("moving", 0x200+uint64(i)); err != nil {
			t.Error(err)
		}
	}
	all.Wait()
}

// constant answers reads with one byte.
type constant byte

func (c constant) Read(_ uint64, p []byte) {
	for i := range p {
		p[i] = byte(c)
	}
}

func (constant) Write(uint64, []byte) {}

// naive is a bus that asks every region about every byte.
type naive struct {
	limit   uint64
	regions []Region
	stats   BusStats
}

func (b *naive) add(r Region) bool {
	if r.Size == 0 || r.Base >= b.limit || r.Size > b.limit-r.Base {
		return false
	}
	for _, o := range b.regions {
		if o.Name == r.Name {
			return false
		}
		for a := r.Base; a < r.Base+r.Size; a++ {
			if a >= o.Base && a < o.Base+o.Size {
				return false
			}
		}
	}
	b.regions = append(b.regions, r)
	return true
}

// owner is the index of the region that answers for one byte of an access, -1
// for none.
func (b *naive) owner(at, addr uint64, n int) int {
	for i, r := range b.regions {
		if at < r.Base || at >= r.Base+r.Size {
			continue
		}
		if r.Whole && (addr < r.Base || addr+uint64(n) > r.Base+r.Size) {
			return -2 - i // nobody, but a piece of its own
		}
		return i
	}
	return -1
}

func (b *naive) access(addr uint64, p []byte, write bool) {
	for i := 0; i < len(p); {
		o, n := b.owner(addr+uint64(i), addr, len(p)), 1
		for i+n < len(p) && b.owner(addr+uint64(i+n), addr, len(p)) == o {
			n++
		}
		part := p[i : i+n]
		switch {
		case o < 0 && write:
			b.stats.UnclaimedWrites++
		case o < 0:
			b.stats.UnclaimedReads++
			copy(part, bytes.Repeat([]byte{0xff}, n))
		default:
			b.pieces(b.regions[o], addr+uint64(i)-b.regions[o].Base, part, write)
		}
		i += n
	}
}

func (*naive) pieces(r Region, off uint64, p []byte, write bool) {
	for len(p) > 0 {
		n := len(p)
		if n != 1 && n != 2 && n != 4 && n != 8 {
			for n = 8; n > len(p) || off%uint64(n) != 0; n /= 2 {
			}
		}
		if write {
			r.Handler.Write(off, p[:n])
		} else {
			r.Handler.Read(off, p[:n])
		}
		off, p = off+uint64(n), p[n:]
	}
}

// FuzzBus drives a bus and a naive one through the same random changes and
// accesses and wants the same calls, bytes, counts and refusals.
func FuzzBus(f *testing.F) {
	f.Add([]byte{0, 1, 0x10, 8, 0, 2, 0x18, 4, 2, 0, 0x0e, 4, 3, 1, 0x16, 9, 4, 1, 0x80, 0, 2, 0, 0x82, 3})
	f.Add([]byte{0, 1, 0xf8, 8, 2, 0, 0xff, 16, 5, 1, 0, 0, 2, 0, 0xff, 16})
	f.Add([]byte{1, 1, 0x39, 1, 2, 0, 0x38, 4, 3, 0, 0x38, 4, 2, 0, 0x39, 1, 3, 0, 0x39, 1})
	f.Fuzz(func(t *testing.T, input []byte) {
		const limit = 0x100
		var fast, slow []string
		bus, oracle := NewBus("test", limit), &naive{limit: limit}
		for ; len(input) >= 4; input = input[4:] {
			name, addr, n := fmt.Sprintf("r%d", input[1]%16), uint64(input[2]), int(input[3]%32)
			find := func() int {
				for i, r := range oracle.regions {
					if r.Name == name {
						return i
					}
				}
				return -1
			}
			switch op := input[0] % 6; op {
			case 0, 1:
				r := Region{Name: name, Base: addr, Size: uint64(n), Whole: op == 1}
				r.Handler = recorder{name, &slow}
				want := oracle.add(r)
				r.Handler = recorder{name, &fast}
				if err := bus.Add(r); (err == nil) != want {
					t.Fatalf("add %+v: %v, want success %v", r, err, want)
				}
			case 2, 3:
				p, q := bytes.Repeat([]byte{input[3]}, n), bytes.Repeat([]byte{input[3]}, n)
				if op == 2 {
					bus.Read(addr, p)
				} else {
					bus.Write(addr, p)
				}
				if oracle.access(addr, q, op == 3); !bytes.Equal(p, q) {
					t.Fatalf("access of %d bytes at %#x gave %x, want %x", n, addr, p, q)
				}
			case 4:
				want := false
				if i := find(); i >= 0 {
					old := oracle.regions[i]
					oracle.regions = append(oracle.regions[:i:i], oracle.regions[i+1:]...)
					moved := old
					moved.Base = addr
					if want = oracle.add(moved); !want {
						oracle.regions = append(oracle.regions, old)
					}
				}
				if err := bus.Move(name, addr); (err == nil) != want {
					t.Fatalf("move %s to %#x: %v, want success %v", name, addr, err, want)
				}
			case 5:
				i := find()
				if i >= 0 {
					oracle.regions = append(oracle.regions[:i:i], oracle.regions[i+1:]...)
				}
				if err := bus.Remove(name); (err == nil) != (i >= 0) {
					t.Fatalf("remove %s: %v, want success %v", name, err, i >= 0)
				}
			}
			if got, want := strings.Join(fast, "; "), strings.Join(slow, "; "); got != want {
				t.Fatalf("calls %s\nwant  %s", got, want)
			}
			fast, slow = fast[:0], slow[:0]
			if got := bus.Stats(); got != oracle.stats {
				t.Fatalf("counted %+v, want %+v", got, oracle.stats)
			}
		}
	})
}

func BenchmarkBusRead(b *testing.B) {
	for _, n := range []int{1, 16, 256} {
		b.Run(fmt.Sprintf("regions=%d", n), func(b *testing.B) {
			bus := NewBus("bench", PortLimit)
			for i := range n {
				if err := bus.Add(Region{Name: fmt.Sprint(i), Base: uint64(i) * 16, Size: 8, Handler: constant(0)}); err != nil {
					b.Fatal(err)
				}
			}
			p := make([]byte, 1)
			addr := uint64(n/2)*16 + 5
			b.ReportAllocs()
			for b.Loop() {
				bus.Read(addr, p)
			}
		})
	}
}
