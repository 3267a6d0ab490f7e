package devices

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// bank is a register file that keeps values and writes down what is done.
type bank struct {
	values map[uint64]uint64
	calls  []string
}

func (b *bank) ReadRegister(off uint64) uint64 {
	b.calls = append(b.calls, fmt.Sprintf("read %#x", off))
	return b.values[off]
}

func (b *bank) WriteRegister(off, v uint64) {
	b.calls = append(b.calls, fmt.Sprintf("write %#x %#x", off, v))
	b.values[off] = v
}

func testMap(t testing.TB) *RegisterMap {
	t.Helper()
	m, err := NewRegisterMap(
		Register{Name: "WIDE", Offset: 8, Width: 8, Access: ReadWrite},
		Register{Name: "BYTE", Offset: 0, Width: 1, Access: ReadWrite},
		Register{Name: "WORD", Offset: 1, Width: 2, Access: ReadWrite},
		Register{Name: "CLEAR", Offset: 4, Width: 2, Access: ReadWrite, Partial: Zero},
		Register{Name: "RO", Offset: 6, Width: 1, Access: ReadOnly},
		Register{Name: "WO", Offset: 7, Width: 1, Access: WriteOnly},
	)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func newBank() *bank {
	return &bank{values: map[uint64]uint64{0: 0x10, 1: 0x3020, 4: 0x5040, 6: 0x60, 7: 0x70, 8: 0xf8f7f6f5f4f3f2f1}}
}

func TestRegisterMapReads(t *testing.T) {
	for _, test := range []struct {
		off   uint64
		n     int
		want  string
		calls string
	}{
		{0, 1, "10", "read 0x0"},
		{1, 2, "2030", "read 0x1"},
		{2, 1, "30", "read 0x1"},
		{0, 4, "10203000", "read 0x0; read 0x1"},
		{3, 1, "00", ""},
		{4, 4, "40506000", "read 0x4; read 0x6"},
		{7, 1, "00", ""},
		{10, 2, "f3f4", "read 0x8"},
		{12, 8, "f5f6f7f800000000", "read 0x8"},
		{16, 4, "00000000", ""},
		{^uint64(0) - 1, 2, "0000", ""},
	} {
		b, p := newBank(), bytes.Repeat([]byte{0xaa}, test.n)
		testMap(t).Read(b, test.off, p)
		if got := fmt.Sprintf("%x", p); got != test.want {
			t.Errorf("read of %d at %#x gave %s, want %s", test.n, test.off, got, test.want)
		}
		if got := strings.Join(b.calls, "; "); got != test.calls {
			t.Errorf("read of %d at %#x made %q, want %q", test.n, test.off, got, test.calls)
		}
	}
}

func TestRegisterMapWrites(t *testing.T) {
	for _, test := range []struct {
		name  string
		off   uint64
		p     []byte
		calls string
	}{
		{"a whole register", 1, []byte{1, 2}, "write 0x1 0x201"},
		{"a part is merged", 2, []byte{9}, "read 0x1; write 0x1 0x920"},
		{"a part of one that clears by 1 is not", 5, []byte{9}, "write 0x4 0x900"},
		{"several registers", 0, []byte{1, 2, 3, 4}, "write 0x0 0x1; write 0x1 0x302"},
		{"read-only drops it", 6, []byte{1}, ""},
		{"write-only takes it", 7, []byte{1}, "write 0x7 0x1"},
		{"between registers", 3, []byte{1}, ""},
		{"the middle of a wide one", 10, []byte{1, 2}, "read 0x8; write 0x8 0xf8f7f6f50201f2f1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBank()
			testMap(t).Write(b, test.off, test.p)
			if got := strings.Join(b.calls, "; "); got != test.calls {
				t.Errorf("made %q, want %q", got, test.calls)
			}
		})
	}
}

func TestRegisterMapRefusesBadTables(t *testing.T) {
	for _, test := range []struct {
		want      string
		registers []Register
	}{
		{"width is 3 bytes", []Register{{Name: "X", Width: 3, Access: ReadOnly}}},
		{"width is 0 bytes", []Register{{Name: "X", Access: ReadOnly}}},
		{"width is -1 bytes", []Register{{Name: "X", Width: -1, Access: ReadOnly}}},
		{"it has no name", []Register{{Width: 1, Access: ReadOnly}}},
		{"its access is none of", []Register{{Name: "X", Width: 1}}},
		{"its access is none of", []Register{{Name: "X", Width: 1, Access: 4}}},
		{"passes the end", []Register{{Name: "X", Offset: ^uint64(0), Width: 2, Access: ReadOnly}}},
		{`overlaps register "X"`, []Register{{Name: "Y", Offset: 1, Width: 1, Access: ReadOnly}, {Name: "X", Width: 2, Access: ReadOnly}}},
	} {
		if _, err := NewRegisterMap(test.registers...); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v: error %v, want one that has %q", test.registers, err, test.want)
		}
	}
}

func TestMustRegisterMapPanicsOnABadTable(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("it did not")
		}
	}()
	MustRegisterMap(Register{})
}

// FuzzRegisterMap compares with a map that looks at each byte on its own.
func FuzzRegisterMap(f *testing.F) {
	f.Add(uint64(1), []byte{1, 2, 3, 4}, true)
	f.Add(uint64(7), []byte{1, 2, 3, 4, 5, 6, 7, 8}, false)
	f.Add(^uint64(0)-3, []byte{1, 2, 3, 4, 5, 6, 7, 8}, true)
	f.Fuzz(func(t *testing.T, off uint64, p []byte, write bool) {
		m := testMap(t)
		p = p[:min(len(p), 32)]
		fast := newBank()
		want := newBank().values
		out := bytes.Clone(p)
		for _, r := range m.Registers() {
			var covered, value uint64
			for i := range r.Width {
				at := r.Offset + uint64(i)
				if at >= off && at-off < uint64(len(p)) {
					covered |= 0xff << (8 * i)
					value |= uint64(p[at-off]) << (8 * i)
				}
			}
			if covered == 0 || r.Access&WriteOnly == 0 {
				continue
			}
			if r.Partial == Merge {
				value |= want[r.Offset] &^ covered
			}
			if write {
				want[r.Offset] = value
			}
		}
		if write {
			m.Write(fast, off, p)
		} else {
			m.Read(fast, off, out)
			for i := range out {
				byteAt := byte(0)
				for _, r := range m.Registers() {
					if d := off + uint64(i) - r.Offset; off+uint64(i) >= off && d < uint64(r.Width) && r.Access&ReadOnly != 0 {
						byteAt = byte(want[r.Offset] >> (8 * d))
					}
				}
				if out[i] != byteAt {
					t.Fatalf("byte %d of %d at %#x is %#x, want %#x", i, len(out), off, out[i], byteAt)
				}
			}
		}
		for o, v := range want {
			if fast.values[o] != v {
				t.Fatalf("register %#x is %#x, want %#x", o, fast.values[o], v)
			}
		}
	})
}

func BenchmarkRegisterMapReadByte(b *testing.B) {
	m, f, p := testMap(b), file(7), make([]byte, 1)
	b.ReportAllocs()
	for b.Loop() {
		m.Read(&f, 6, p)
	}
}

type file uint64

func (f *file) ReadRegister(uint64) uint64 { return uint64(*f) }

func (f *file) WriteRegister(_, v uint64) { *f = file(v) }
