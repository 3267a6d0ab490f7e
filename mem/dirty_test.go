package mem

import (
	"math/bits"
	"testing"
)

// slowMemory is guest memory as one map of bytes, with the pages written: the
// obvious way that the real one is held against.
type slowMemory struct {
	bytes map[uint64]byte
	dirty map[uint64]bool
	ram   func(uint64) bool
}

func (s *slowMemory) write(a uint64, p []byte) bool {
	for i := range p {
		if !s.ram(a + uint64(i)) {
			return false
		}
	}
	for i, b := range p {
		s.bytes[a+uint64(i)] = b
		s.dirty[(a+uint64(i))/PageSize] = true
	}
	return true
}

func FuzzGuestAgainstAMapOfBytes(f *testing.F) {
	f.Add([]byte{0, 0, 1, 8, 0, 32, 3, 40})
	f.Add([]byte{255, 255, 255, 255, 1, 31, 254, 4})
	f.Fuzz(func(t *testing.T, script []byte) {
		g := twoRegions(t)
		slow := &slowMemory{bytes: map[uint64]byte{}, dirty: map[uint64]bool{}, ram: func(a uint64) bool {
			return a < 2*PageSize || a >= 4*PageSize && a < 6*PageSize
		}}
		if err := g.StartDirtyLog(); err != nil {
			t.Fatal(err)
		}
		for ; len(script) >= 4; script = script[4:] {
			a := uint64(script[0])<<8 | uint64(script[1])
			if script[2]&0x80 != 0 {
				a = -a
			}
			p := make([]byte, int(script[2]&0x7f)*int(script[3]>>4))
			for i := range p {
				p[i] = script[3]
			}
			if got, want := g.WriteAt(p, Addr(a)) == nil, slow.write(a, p); got != want {
				t.Fatalf("write of %d bytes at %#x: accepted %v, want %v", len(p), a, got, want)
			}
		}
		for a, want := range slow.bytes {
			if got, err := g.Uint8(Addr(a)); err != nil || got != want {
				t.Fatalf("byte at %#x: %#x, %v, want %#x", a, got, err, want)
			}
		}
		dirty := 0
		for _, s := range g.Slots() {
			log := make([]uint64, DirtyWords(s.Size))
			n, err := g.FetchDirtyLog(s.ID, log)
			if err != nil {
				t.Fatal(err)
			}
			dirty += n
			for i, w := range log {
				for ; w != 0; w &= w - 1 {
					page := uint64(s.Base)/PageSize + uint64(i*64+bits.TrailingZeros64(w))
					if !slow.dirty[page] {
						t.Errorf("page %d is noted and was not written", page)
					}
				}
			}
		}
		if dirty != len(slow.dirty) {
			t.Errorf("%d pages noted, %d written", dirty, len(slow.dirty))
		}
	})
}

func TestDirtyLogSpansWords(t *testing.T) {
	g := newTestGuest(t, Options{Size: 1 << 20})
	if err := g.StartDirtyLog(); err != nil {
		t.Fatal(err)
	}
	// 200 pages from page 3: three words and a half of the bitmap.
	if err := g.WriteAt(make([]byte, 200*PageSize), 3*PageSize); err != nil {
		t.Fatal(err)
	}
	log := make([]uint64, DirtyWords(g.Size()))
	n, err := g.FetchDirtyLog(0, log)
	if err != nil || n != 200 {
		t.Fatalf("fetched %d pages, %v, want 200", n, err)
	}
	for page := range 256 {
		if got, want := log[page/64]>>(page%64)&1 == 1, page >= 3 && page < 203; got != want {
			t.Errorf("page %d: noted %v, want %v", page, got, want)
		}
	}
	if n, err := g.FetchDirtyLog(0, log); err != nil || n != 0 {
		t.Errorf("second fetch: %d pages, %v, want none", n, err)
	}
}

func TestDirtyLogRefuses(t *testing.T) {
	g := twoRegions(t)
	word := make([]uint64, 1)
	if _, err := g.FetchDirtyLog(0, word); err == nil {
		t.Error("a log that was not started was fetched")
	}
	if err := g.StartDirtyLog(); err != nil {
		t.Fatal(err)
	}
	for _, slot := range []int{-1, 3} {
		if _, err := g.FetchDirtyLog(slot, word); err == nil {
			t.Errorf("slot %d was fetched", slot)
		}
	}
	if _, err := g.FetchDirtyLog(0, nil); err == nil {
		t.Error("a bitmap too short was taken")
	}
	g.StopDirtyLog()
	if _, err := g.FetchDirtyLog(0, word); err == nil {
		t.Error("a stopped log was fetched")
	}
}

func BenchmarkWriteAt4K(b *testing.B) {
	g := newTestGuest(b, Options{Size: 1 << 20})
	p := make([]byte, PageSize)
	b.SetBytes(PageSize)
	for b.Loop() {
		if err := g.WriteAt(p, 0x4000); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLoadUint16(b *testing.B) {
	g := newTestGuest(b, Options{Size: 1 << 20})
	for b.Loop() {
		if _, err := g.LoadUint16(0x4000); err != nil {
			b.Fatal(err)
		}
	}
}
