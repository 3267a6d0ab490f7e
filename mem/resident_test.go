package mem

import "testing"

func TestResidentCountsWhatWasTouched(t *testing.T) {
	for name, o := range map[string]Options{
		"private": {Size: 5 << 30, Overcommit: true},
		"shared":  {Size: 5 << 30, Overcommit: true, Shared: true},
	} {
		t.Run(name, func(t *testing.T) {
			g := newTestGuest(t, o)
			resident := func() uint64 {
				n, err := g.Resident()
				if err != nil {
					t.Fatal(err)
				}
				return n
			}
			if n := resident(); n != 0 {
				t.Errorf("%d bytes before anything is touched", n)
			}
			for _, a := range []Addr{0, PageSize, residentPiece, HighRAM + PageSize} {
				if err := g.WriteAt([]byte{1}, a); err != nil {
					t.Fatal(err)
				}
			}
			if n := resident(); n != 4*PageSize {
				t.Errorf("%d bytes, want %d", n, 4*PageSize)
			}
			if err := g.Discard(0, PageSize); err != nil {
				t.Fatal(err)
			}
			if n := resident(); n != 3*PageSize {
				t.Errorf("%d bytes after one page is given back", n)
			}
		})
	}
	g := newTestGuest(t, Options{Size: PageSize})
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Resident(); err != ErrClosed {
		t.Errorf("of memory that is closed: %v", err)
	}
}
