package pages

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/hullvm/hull/devices/devicestest"
	"github.com/hullvm/hull/mem"
	"github.com/hullvm/hull/snapshot/memfile"
)

// Whatever the memory, the connections and the compression, and whatever is written
// between passes, the target's memory is the source's at the end.
func TestMemoryArrives(t *testing.T) {
	devicestest.CheckGoroutines(t)
	for seed := range uint64(16) {
		r := rand.New(rand.NewPCG(seed, 1))
		var sizes []uint64
		for range 1 + r.IntN(3) {
			sizes = append(sizes, 1+r.Uint64N(900))
		}
		o := Options{Compression: []Encoding{None, LZ4, Zstd, Auto}[seed%4]}
		n := 1 + r.IntN(8)
		t.Run(fmt.Sprintf("%d connections %v seed %d", n, o.Compression, seed), func(t *testing.T) {
			arrives(t, r, slotsOf(sizes...), slotsOf(sizes...), n, o)
		})
	}
}

func arrives(t *testing.T, r *rand.Rand, src, dst *slots, n int, o Options) {
	m := moveOf(t, src, dst, n, o)
	size := src.size()
	total := uint64(size / PageSize)
	var all []uint64
	for page := range total {
		fill(r, src.page(page))
		all = append(all, page)
	}
	set := setOf(t, size, all...)
	if r.IntN(2) == 0 {
		set = nil
	}
	for epoch := uint32(1); epoch < 6; epoch++ {
		p := m.pass(t, epoch, set)
		wantSame(t, dst, src)
		want := total
		if set != nil {
			want = uint64(set.Bytes() / PageSize)
		}
		if p.Pages != want || p.Data != (p.Pages-p.Zero)*PageSize || o.Compression == None && p.Data > 0 && p.Wire < p.Data {
			t.Errorf("epoch %d: %+v of %d pages", epoch, p, want)
		}
		var dirty []uint64
		for range r.IntN(400) {
			page := r.Uint64N(total)
			for ; page < total && r.IntN(8) != 0; page++ {
				fill(r, src.page(page))
				dirty = append(dirty, page)
			}
		}
		set = setOf(t, size, dirty...)
	}
	if err := m.r.Finish(t.Context(), 5); err != nil {
		t.Fatal(err)
	}
	if err := <-m.ran; err != nil {
		t.Error(err)
	}
}

// Real memory that is written all the time, by whoever, has arrived when it is held.
func TestMemoryArrivesThatChangesWhileItIsSent(t *testing.T) {
	const size = 24<<20 + 5*PageSize
	for _, o := range []Options{{Compression: None}, {Compression: Auto}, {Compression: LZ4, Rate: 1 << 30}} {
		t.Run(o.Compression.String(), func(t *testing.T) {
			src, dst := guestOf(t, size), guestOf(t, size)
			o.Pagemap = pagemap(t)
			m := moveOf(t, src, dst, 3, o)
			if err := src.StartDirtyLog(); err != nil {
				t.Fatal(err)
			}
			changed := func() *memfile.PageSet {
				set := setOf(t, size)
				bitmap := make([]uint64, mem.DirtyWords(size))
				if _, err := src.FetchDirtyLog(0, bitmap); err != nil {
					t.Fatal(err)
				}
				if err := set.AddSlot(src.Slots(), 0, bitmap); err != nil {
					t.Fatal(err)
				}
				return set
			}
			stop := churn(t, src)
			defer stop()
			m.pass(t, 1, nil)
			for epoch := uint32(2); epoch < 6; epoch++ {
				m.pass(t, epoch, changed())
			}
			stop()
			m.pass(t, 6, changed())
			if err := m.r.Finish(t.Context(), 6); err != nil {
				t.Fatal(err)
			}
			want, err := Sum(t.Context(), src, o.Pagemap)
			if err != nil {
				t.Fatal(err)
			}
			got, err := Sum(t.Context(), dst, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got != want {
				t.Error("the memory is not the same")
			}
			if err := dst.WriteAt([]byte{1}, size-1); err != nil {
				t.Fatal(err)
			}
			if other, err := Sum(t.Context(), dst, o.Pagemap); err != nil || other == want {
				t.Errorf("other memory has the same sum (%v)", err)
			}
		})
	}
}

// churn writes, zeroes and gives back pages of memory, here and there, until stopped.
func churn(t *testing.T, g *mem.Guest) (stop func()) {
	t.Helper()
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		r := rand.New(rand.NewPCG(8, 9))
		b := make([]byte, 3*PageSize)
		for {
			select {
			case <-done:
				return
			default:
			}
			a, n := mem.Addr(r.Uint64N(g.Size()-4*PageSize)), 1+r.IntN(len(b)-1)
			var err error
			switch r.IntN(8) {
			case 0:
				err = g.Zero(a, uint64(n))
			case 1:
				err = g.Discard(a, uint64(n))
			default:
				b[r.IntN(len(b))]++
				err = g.WriteAt(b[:n], a)
			}
			if err != nil {
				t.Error(err)
				return
			}
		}
	}()
	stopped := false
	return func() {
		if !stopped {
			stopped = true
			close(done)
			<-ended
		}
	}
}

// What was never used is not sent, and takes no memory at the target. A page that is
// zero is sent where the target has it otherwise, and then no more.
func TestZeroPagesAreSentOnlyWhereTheyMatter(t *testing.T) {
	const size = 64 << 20
	src, dst := guestOf(t, size), guestOf(t, size)
	m := moveOf(t, src, dst, 2, Options{Pagemap: pagemap(t)})
	for _, page := range []mem.Addr{3, 700, 701} {
		if err := src.WriteAt([]byte{1}, page*PageSize); err != nil {
			t.Fatal(err)
		}
	}
	if err := src.Zero(5000*PageSize, PageSize); err != nil {
		t.Fatal(err)
	}
	for i, test := range []struct {
		zero  bool // the pages 700 and 701 are made so
		pages []uint64
		want  Pass // but Wire
		frame bool
	}{
		{false, nil, Pass{Pages: 4, Zero: 1, Data: 3 * PageSize}, true},
		{true, []uint64{699, 700, 701}, Pass{Pages: 3, Zero: 3}, true},
		{false, []uint64{700}, Pass{Pages: 1, Zero: 1}, false},
		{false, []uint64{}, Pass{}, false},
	} {
		if test.zero {
			if err := src.Zero(700*PageSize, 2*PageSize); err != nil {
				t.Fatal(err)
			}
		}
		var set *memfile.PageSet
		if test.pages != nil {
			set = setOf(t, size, test.pages...)
		}
		p := m.pass(t, uint32(i+1), set)
		if (p.Wire > 0) != test.frame {
			t.Errorf("pass %d: %d bytes of frames", i, p.Wire)
		}
		p.Wire, p.Took = 0, 0
		if p != test.want {
			t.Errorf("pass %d: %+v, want %+v", i, p, test.want)
		}
		if i == 0 { // before it is looked at, which takes memory too
			resident, err := dst.Resident()
			if err != nil {
				t.Fatal(err)
			}
			if resident > 3*PageSize {
				t.Errorf("the target has %d bytes, for 3 pages", resident)
			}
		}
		wantGuests(t, dst, src)
	}
}

func wantGuests(t *testing.T, got, want *mem.Guest) {
	t.Helper()
	a, b := make([]byte, 1<<20), make([]byte, 1<<20)
	maps := pagemap(t)
	used, err := memfile.Used(t.Context(), want, memfile.Options{Pagemap: maps})
	if err == nil {
		var other *memfile.PageSet
		if other, err = memfile.Used(t.Context(), got, memfile.Options{Pagemap: maps}); err == nil {
			err = used.AddAll(other)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	for e := range used.Extents() {
		for off := e.Offset; off < e.Offset+e.Size; off += int64(len(a)) {
			n := min(int64(len(a)), e.Offset+e.Size-off)
			if err := got.ReadAt(a[:n], mem.Addr(off)); err != nil {
				t.Fatal(err)
			}
			if err := want.ReadAt(b[:n], mem.Addr(off)); err != nil {
				t.Fatal(err)
			}
			if string(a[:n]) != string(b[:n]) {
				t.Fatalf("the %d bytes at %#x differ", n, off)
			}
		}
	}
}
