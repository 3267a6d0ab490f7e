package vmstate_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hullvm/hull/vmstate"
)

type first struct {
	Number uint64 `cbor:"1,keyasint"`
	Bytes  []byte `cbor:"2,keyasint"`
}

type second struct {
	Number uint64 `cbor:"1,keyasint"`
	Bytes  []byte `cbor:"2,keyasint"`
	More   string `cbor:"3,keyasint"`
}

var value = first{Number: 1 << 63, Bytes: []byte{1, 2, 3}}

// sample is a state with a part, and a section that can be done without.
func sample(t testing.TB) *vmstate.State {
	t.Helper()
	s := vmstate.New()
	out := s.Out("uart")
	if err := errors.Join(out.Put(1, value), out.At("fifo").Put(3, second{More: "x"}), s.Out("hint").PutOptional(1, "y")); err != nil {
		t.Fatal(err)
	}
	return s
}

func written(t testing.TB, s *vmstate.State) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := s.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	s, err := vmstate.Read(bytes.NewReader(written(t, sample(t))))
	if err != nil {
		t.Fatal(err)
	}
	var f first
	if v, err := s.In("uart").Get(2, &f); v != 1 || err != nil || !cmp.Equal(f, value) {
		t.Errorf("version %d of %+v, error %v", v, f, err)
	}
	if err := s.Unknown(); err == nil || !strings.Contains(err.Error(), `"uart/fifo"`) {
		t.Errorf("error %v, want one that names the section nobody took", err)
	}
	var m second
	if _, err := s.In("uart").At("fifo").Get(3, &m); err != nil || m.More != "x" {
		t.Errorf("%+v, error %v", m, err)
	}
	if err := s.Unknown(); err != nil {
		t.Errorf("the section that is optional: %v", err)
	}
}

// The file of each released format is kept, and read for ever.
func TestGoldenFile(t *testing.T) {
	path := filepath.Join("testdata", "format-1")
	golden, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(golden, written(t, sample(t))) {
		t.Error("the same sections are written otherwise today")
	}
	if _, err := vmstate.Read(bytes.NewReader(golden)); err != nil {
		t.Error(err)
	}
}

func TestRefusals(t *testing.T) {
	for want, get := range map[string]func(s *vmstate.State) error{
		`"gone": it is missing`: func(s *vmstate.State) error { _, err := s.In("gone").Get(1, new(first)); return err },
		`"uart/fifo": its version is 3`: func(s *vmstate.State) error {
			_, err := s.In("uart/fifo").Get(2, new(second))
			return err
		},
		`"uart/fifo": cbor: found unknown field`: func(s *vmstate.State) error {
			_, err := s.In("uart/fifo").Get(3, new(first))
			return err
		},
		`"hint": cbor: cannot unmarshal`: func(s *vmstate.State) error { _, err := s.In("hint").Get(1, new(first)); return err },
		`"x": value 3 is too many`:       func(s *vmstate.State) error { return s.In("x").Refuse("value %d is too many", 3) },
	} {
		err := get(sample(t))
		if err == nil || !strings.Contains(err.Error(), want) || !errors.Is(err, vmstate.ErrBadState) {
			t.Errorf("error %v, want ErrBadState that has %q", err, want)
		}
	}
}

func TestWhatCannotBeWritten(t *testing.T) {
	s := sample(t)
	for name, put := range map[string]error{
		"a second one":    s.Out("uart").Put(1, value),
		"version 0":       s.Out("a").Put(0, value),
		"too much":        s.Out("b").Put(1, make([]byte, vmstate.MaxValue+1)),
		"no name":         s.Out("").Put(1, value),
		"a long name":     s.Out(strings.Repeat("n", vmstate.MaxName+1)).Put(1, value),
		"a name of words": s.Out("a b").Put(1, value),
		"no value":        s.Out("c").Put(1, make(chan int)),
	} {
		if put == nil {
			t.Errorf("%s was written", name)
		}
	}
	if got := s.Names(); !cmp.Equal(got, []string{"hint", "uart", "uart/fifo"}) {
		t.Errorf("sections %q", got)
	}
}

// Each byte is under a checksum, and so is each length.
func TestEachDamageIsSeen(t *testing.T) {
	whole := written(t, sample(t))
	for i := range whole {
		for _, bit := range []byte{1, 0x80} {
			b := bytes.Clone(whole)
			b[i] ^= bit
			if _, err := vmstate.Read(bytes.NewReader(b)); !errors.Is(err, vmstate.ErrBadState) {
				t.Fatalf("byte %d changed by %#x: error %v", i, bit, err)
			}
		}
		if _, err := vmstate.Read(bytes.NewReader(whole[:i])); !errors.Is(err, vmstate.ErrBadState) {
			t.Fatalf("cut off after %d bytes: error %v", i, err)
		}
	}
	if _, err := vmstate.Read(bytes.NewReader(append(whole, 0))); !errors.Is(err, vmstate.ErrBadState) {
		t.Errorf("one byte more: error %v", err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(written(f, sample(f)))
	f.Add(written(f, vmstate.New()))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := vmstate.Read(bytes.NewReader(b))
		if err != nil {
			return
		}
		if again := written(t, s); !bytes.Equal(again, b) {
			t.Errorf("read %x, and wrote %x", b, again)
		}
	})
}

// FuzzValues decodes values that no checksum protects.
func FuzzValues(f *testing.F) {
	f.Add(sample(f).Values())
	f.Fuzz(func(_ *testing.T, b []byte) {
		s := vmstate.FromValues(b)
		for _, name := range s.Names() {
			_, _ = s.In(name).Get(1<<16-1, new(second))
		}
	})
}

func TestSections(t *testing.T) {
	want := []vmstate.Section{{"hint", 1, true}, {"uart", 1, false}, {"uart/fifo", 3, false}}
	if got := sample(t).Sections(); !cmp.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}
