package lab

import (
	"bytes"
	"encoding/hex"
	"testing"
)

var testMend = mend{
	buildID: "0123456789abcdef", build: "a test's build",
	patches: []patch{
		{doubleInterrupt, 0x1234, []byte{0x89, 0xb3, 0x54, 0xef, 0xff, 0xff}},
		{busyTSS, 0x1800, []byte{0x83, 0xe0, 0x0f}},
		{virtualTPR, 0x1900, []byte{0xe9, 1, 2, 0xf7, 0xff}},
	},
}

// neighbours are what stands around the instruction of a cure.
var neighbours = map[*cure][2][]byte{
	doubleInterrupt: {{0x44, 0x89, 0xab, 0x80, 0x33, 0, 0}, {0xc7, 0x83, 0x84, 0x33, 0, 0, 0, 0, 0, 0}},
	busyTSS:         {{0xc1, 0xe8, 0x08}, {0x83, 0xf8, 0x09, 0x0f, 0x85, 1, 2, 0, 0}},
	virtualTPR:      {{0x48, 0x83, 0xc4, 0x08, 0xbe, 0x00, 0x01, 0x00, 0x00, 0x5b, 0x5d}, nil},
}

// place writes the instruction with its neighbours so that it stands at offset.
func (p *patch) place(image []byte, offset int) {
	around := neighbours[p.cure]
	copy(image[offset-len(around[0]):], around[0])
	copy(image[offset:], p.old)
	copy(image[offset+len(p.old):], around[1])
}

// place writes all instructions where they belong.
func (m *mend) place(image []byte) {
	for i := range m.patches {
		m.patches[i].place(image, m.patches[i].offset)
	}
}

func TestMendChangesOnlyTheInstructions(t *testing.T) {
	image := bytes.Repeat([]byte{0xcc}, 0x4000)
	testMend.place(image)
	want := bytes.Clone(image)
	for i, p := range testMend.patches {
		// The instruction alone, elsewhere, is another one's business.
		copy(image[0x100*(i+1):], p.old)
		copy(want[0x100*(i+1):], p.old)
		copy(want[p.offset:], p.mended)
	}
	if err := testMend.apply(image); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(image, want) {
		t.Error("other bytes changed too, or the instructions did not")
	}
}

func TestMendRefusesWhatItDoesNotKnow(t *testing.T) {
	store, busy, jump := &testMend.patches[0], &testMend.patches[1], &testMend.patches[2]
	tests := map[string]func([]byte){
		"no store":              func(b []byte) { clear(b[store.offset:][:6]) },
		"at another place":      func(b []byte) { clear(b[store.offset:][:6]); store.place(b, 0x2000) },
		"at two places":         func(b []byte) { store.place(b, 0x2000) },
		"another store before":  func(b []byte) { b[store.offset-7] = 0x45 },
		"another store behind":  func(b []byte) { b[store.offset+6] = 0xc6 },
		"far error code":        func(b []byte) { b[store.offset-1] = 1 },
		"exception_is_int is 1": func(b []byte) { b[store.offset+12] = 1 },
		"at the very end":       func(b []byte) { clear(b[store.offset:][:6]); copy(b[len(b)-6:], store.old) },
		"at the very beginning": func(b []byte) { clear(b[store.offset:][:6]); copy(b, store.old) },
		"no mask":               func(b []byte) { b[busy.offset+2] = 0x1f },
		"another type":          func(b []byte) { b[busy.offset+5] = 0x0b },
		"another shift":         func(b []byte) { b[busy.offset-1] = 4 },
		"two masks":             func(b []byte) { busy.place(b, 0x2000) },
		"another request":       func(b []byte) { b[jump.offset-5] = 2 },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			image := make([]byte, 0x4000)
			testMend.place(image)
			change(image)
			before := bytes.Clone(image)
			if err := testMend.apply(image); err == nil {
				t.Error("no error")
			}
			if !bytes.Equal(image, before) {
				t.Error("the image changed")
			}
		})
	}
}

func TestMendTableIsSound(t *testing.T) {
	seen := make(map[string]bool)
	for _, m := range mends {
		id, err := hex.DecodeString(m.buildID)
		if err != nil || len(id) != 20 {
			t.Errorf("%s: build id %q is no SHA-1", m.build, m.buildID)
		}
		if seen[m.buildID] {
			t.Errorf("%s: build id twice", m.build)
		}
		seen[m.buildID] = true
		for _, p := range m.patches {
			switch {
			case len(p.old) != len(p.mended):
				t.Errorf("%s: %s: %d bytes become %d", m.build, p.name, len(p.old), len(p.mended))
			case p.cure == doubleInterrupt && (p.old[0] != 0x89 || p.old[1] != 0xb3):
				t.Errorf("%s: store % x is no mov %%esi, x(%%rbx)", m.build, p.old)
			case p.cure == busyTSS && !bytes.Equal(p.old, []byte{0x83, 0xe0, 0x0f}):
				t.Errorf("%s: % x is no and $0xf, %%eax", m.build, p.old)
			case p.cure == virtualTPR && p.old[0] != 0xe9:
				t.Errorf("%s: % x is no jmp", m.build, p.old)
			}
		}
	}
}

func FuzzMendFind(f *testing.F) {
	for i := range testMend.patches {
		image := make([]byte, 64)
		testMend.patches[i].place(image, 20)
		f.Add(image)
		f.Add(testMend.patches[i].old)
	}
	f.Fuzz(func(t *testing.T, image []byte) {
		before := bytes.Clone(image)
		for _, p := range testMend.patches {
			for _, i := range p.find(image) {
				if !bytes.HasPrefix(image[i:], p.old) || i < 3 {
					t.Errorf("found nothing at %d", i)
				}
			}
		}
		if !bytes.Equal(image, before) {
			t.Error("looking changed the image")
		}
	})
}
