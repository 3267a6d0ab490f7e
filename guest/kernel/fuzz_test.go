package kernel

import (
	"bytes"
	"io"
	"testing"
)

func FuzzAr(f *testing.F) {
	f.Add([]byte(arMagic + "debian-binary   0           0     0     100644  4         `\n2.0\n"))
	f.Add([]byte(arMagic))
	f.Fuzz(func(_ *testing.T, b []byte) {
		a, err := newArReader(bytes.NewReader(b))
		for err == nil {
			if _, err = a.next(); err == nil {
				_, _ = io.Copy(io.Discard, a)
			}
		}
	})
}

func FuzzImage(f *testing.F) {
	f.Add(tinyBzImage(testRelease, gzipped(tinyELF(2, ""))))
	f.Add(tinyELF(2, ""))
	f.Fuzz(func(_ *testing.T, b []byte) {
		_, _, _ = identify(b)
		if p, err := payload(b); err == nil {
			_, _ = unpackPayload(p)
		}
	})
}

func FuzzModinfo(f *testing.F) {
	f.Add(tinyModule("9p", "9pnet,netfs"))
	f.Fuzz(func(_ *testing.T, b []byte) { _, _ = parseModinfo(b) })
}

// A manifest that is accepted is written as it is read.
func FuzzManifest(f *testing.F) {
	f.Add([]byte(`{"version":1,"release":"6.1","source":"x","image":{"format":"elf","size":1,"sha256":"` +
		"0000000000000000000000000000000000000000000000000000000000000000" + `"},"modules":[]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := decodeManifest(bytes.NewReader(b))
		if err != nil {
			return
		}
		text, err := m.encode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := decodeManifest(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		second, err := again.encode()
		if err != nil || !bytes.Equal(text, second) {
			t.Errorf("%v\n%s\n%s", err, text, second)
		}
	})
}
