package archives

import (
	"bytes"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
)

// whole is what parts are together, the slow way.
func whole(parts [][]byte) []byte {
	var out []byte
	for _, p := range parts {
		for len(out)%4 != 0 {
			out = append(out, 0)
		}
		out = append(out, p...)
	}
	return out
}

func join(t *testing.T, parts [][]byte) *Joined {
	t.Helper()
	var list []Part
	for _, p := range parts {
		list = append(list, Part{bytes.NewReader(p), int64(len(p))})
	}
	j, err := Join(list...)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func TestArchivesStartAtMultiplesOfFour(t *testing.T) {
	for want, parts := range map[string][]string{
		"abc":                      {"abc"}, // no padding behind the last
		"abcd":                     {"abcd"},
		"abc\x00de":                {"abc", "de"},
		"abcdef":                   {"abcd", "ef"},
		"a\x00\x00\x00bcdef":       {"a", "bcdef"},
		"a\x00\x00\x00b":           {"a", "", "b"},
		"abcde\x00\x00\x00f":       {"", "abcde", "f"},
		"a\x00\x00\x00":            {"a", ""},
		"":                         {""},
		"ab\x00\x00c\x00\x00\x00d": {"ab", "c", "d"},
	} {
		var list [][]byte
		for _, p := range parts {
			list = append(list, []byte(p))
		}
		j := join(t, list)
		got, err := io.ReadAll(io.NewSectionReader(j, 0, math.MaxInt64))
		if err != nil || string(got) != want || j.Size() != int64(len(want)) {
			t.Errorf("%q: %q of %d bytes, %v; want %q", parts, got, j.Size(), err, want)
		}
		if err := iotest.TestReader(io.NewSectionReader(j, 0, j.Size()), []byte(want)); err != nil {
			t.Errorf("%q: %v", parts, err)
		}
	}
}

func TestSizesThatAreRefused(t *testing.T) {
	none := bytes.NewReader(nil)
	for name, parts := range map[string][]Part{
		"none":                   nil,
		"too many":               make([]Part, MaxParts+1),
		"a negative one":         {{none, 4}, {none, -1}},
		"the largest":            {{none, math.MaxInt64}},
		"a sum beyond all sizes": {{none, math.MaxInt64 - 16}, {none, 16}},
	} {
		if _, err := Join(parts...); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestAnArchiveThatIsShorterThanItWas(t *testing.T) {
	j, err := Join(Part{strings.NewReader("abc"), 5}, Part{strings.NewReader("defg"), 4})
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 12)
	if n, err := j.ReadAt(b, 0); n != 3 || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%d bytes, %v", n, err)
	}
	if n, err := j.ReadAt(b, 8); n != 4 || !errors.Is(err, io.EOF) {
		t.Errorf("behind it: %d bytes, %v", n, err)
	}
	if n, err := j.ReadAt(b, -1); n != 0 || err == nil {
		t.Errorf("before the start: %d bytes, %v", n, err)
	}
	if n, err := j.ReadAt(b, math.MaxInt64); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("at the end of all: %d bytes, %v", n, err)
	}
}

func TestAFailureIsTheArchives(t *testing.T) {
	j, err := Join(Part{failing{}, 4})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := j.ReadAt(make([]byte, 4), 0); n != 0 || !errors.Is(err, iotest.ErrTimeout) {
		t.Errorf("%d bytes, %v", n, err)
	}
}

type failing struct{}

func (failing) ReadAt([]byte, int64) (int, error) { return 0, iotest.ErrTimeout }

func TestFilesAreMeasured(t *testing.T) {
	dir := t.TempDir()
	var files []*os.File
	for name, text := range map[string]string{"a": "12345", "b": "12345"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		files = append(files, f)
	}
	j, name, err := JoinFiles(files...)
	if err != nil || j.Size() != 13 || name != files[0].Name()+" + "+files[1].Name() {
		t.Errorf("%+v, %q, %v", j, name, err)
	}
	folder, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	if _, _, err := JoinFiles(files[0], folder); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("a folder: %v", err)
	}
	if _, _, err := JoinFiles(); err == nil {
		t.Error("no file: accepted")
	}
}

// FuzzReadAt holds reads of any place against the bytes of the whole.
func FuzzReadAt(f *testing.F) {
	f.Add([]byte("abc"), []byte("defgh"), []byte(""), int64(2), uint16(5))
	f.Add([]byte("abcd"), []byte(""), []byte("x"), int64(0), uint16(100))
	f.Add([]byte(""), []byte("a"), []byte("bc"), int64(3), uint16(1))
	f.Add([]byte("a"), []byte("b"), []byte("c"), int64(-1), uint16(0))
	f.Fuzz(func(t *testing.T, a, b, c []byte, off int64, length uint16) {
		parts := [][]byte{a, b, c}
		j := join(t, parts)
		want := whole(parts)
		if j.Size() != int64(len(want)) {
			t.Fatalf("%d bytes, want %d", j.Size(), len(want))
		}
		p := bytes.Repeat([]byte{0xee}, int(length))
		n, err := j.ReadAt(p, off)
		oracle := bytes.Repeat([]byte{0xee}, int(length))
		m, oracleErr := bytes.NewReader(want).ReadAt(oracle, off)
		if n != m || !bytes.Equal(p, oracle) {
			t.Errorf("at %d: %d bytes, %q; want %d, %q", off, n, p, m, oracle)
		}
		// bytes.Reader says EOF for a read of nothing at the end; both may.
		if length > 0 && (err == nil) != (oracleErr == nil) {
			t.Errorf("at %d: error %v, want %v", off, err, oracleErr)
		}
	})
}
