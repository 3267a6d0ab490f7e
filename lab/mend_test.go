package lab

import (
	"bytes"
	"encoding/hex"
	"testing"
)

var testMend = mend{
	buildID: "0123456789abcdef", build: "a test's build", offset: 0x1234,
	store: []byte{0x89, 0xb3, 0x54, 0xef, 0xff, 0xff},
}

// place writes the store with its neighbours so that it stands at offset.
func (m *mend) place(image []byte, offset int) {
	copy(image[offset-sizeBefore:], []byte{0x44, 0x89, 0xab, 0x80, 0x33, 0, 0})
	copy(image[offset:], m.store)
	copy(image[offset+len(m.store):], []byte{0xc7, 0x83, 0x84, 0x33, 0, 0, 0, 0, 0, 0})
}

func TestMendChangesOnlyTheStore(t *testing.T) {
	image := bytes.Repeat([]byte{0xcc}, 0x4000)
	testMend.place(image, testMend.offset)
	// The store alone, elsewhere, is another instruction's business.
	copy(image[0x100:], testMend.store)
	want := bytes.Clone(image)
	copy(want[testMend.offset:], []byte{0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00})
	if err := testMend.apply(image); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(image, want) {
		t.Error("other bytes changed too, or the store did not")
	}
}

func TestMendRefusesWhatItDoesNotKnow(t *testing.T) {
	tests := map[string]func([]byte){
		"no store":              func([]byte) {},
		"at another place":      func(b []byte) { testMend.place(b, 0x2000) },
		"at two places":         func(b []byte) { testMend.place(b, testMend.offset); testMend.place(b, 0x2000) },
		"another store before":  func(b []byte) { testMend.place(b, testMend.offset); b[testMend.offset-sizeBefore] = 0x45 },
		"another store behind":  func(b []byte) { testMend.place(b, testMend.offset); b[testMend.offset+6] = 0xc6 },
		"far error code":        func(b []byte) { testMend.place(b, testMend.offset); b[testMend.offset-1] = 1 },
		"exception_is_int is 1": func(b []byte) { testMend.place(b, testMend.offset); b[testMend.offset+12] = 1 },
		"at the very end":       func(b []byte) { copy(b[len(b)-6:], testMend.store) },
		"at the very beginning": func(b []byte) { copy(b, testMend.store) },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			image := make([]byte, 0x4000)
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
		if len(m.store) != len(nop6) || m.store[0] != 0x89 || m.store[1] != 0xb3 {
			t.Errorf("%s: store % x is no mov %%esi, x(%%rbx)", m.build, m.store)
		}
	}
}

func FuzzMendFind(f *testing.F) {
	image := make([]byte, 64)
	testMend.place(image, 20)
	f.Add(image)
	f.Add(testMend.store)
	f.Fuzz(func(t *testing.T, image []byte) {
		before := bytes.Clone(image)
		for _, i := range testMend.find(image) {
			if !bytes.Equal(image[i:i+6], testMend.store) || image[i-sizeBefore] != 0x44 {
				t.Errorf("found nothing at %d", i)
			}
		}
		if !bytes.Equal(image, before) {
			t.Error("looking changed the image")
		}
	})
}
