package iovec

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func vectors(pieces ...[]byte) []unix.Iovec {
	var iov []unix.Iovec
	for _, p := range pieces {
		v := unix.Iovec{Base: &p[0]}
		v.SetLen(len(p))
		iov = append(iov, v)
	}
	return iov
}

func TestFilesAtAnOffset(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "f"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fd := int(f.Fd())
	if n, err := Pwritev(fd, vectors([]byte("ab"), []byte("cde")), 1<<32+3); n != 5 || err != nil {
		t.Fatalf("wrote %d, %v", n, err)
	}
	a, b := make([]byte, 4), make([]byte, 4)
	if n, err := Preadv(fd, vectors(a, b), 1<<32+2); n != 6 || err != nil || string(a) != "\x00abc" || string(b[:2]) != "de" {
		t.Errorf("read %d, %v: %q %q", n, err, a, b)
	}
	if n, err := Preadv(fd, nil, 0); n != 0 || err != nil {
		t.Errorf("read nothing: %d, %v", n, err)
	}
	if _, err := Preadv(-1, vectors(a), 0); err != unix.EBADF {
		t.Errorf("read of no file: %v", err)
	}
}

func TestMoreVectorsThanOneCallTakes(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	var pieces [][]byte
	for range maxVectors + 5 {
		pieces = append(pieces, []byte{'x'})
	}
	iov := vectors(pieces...)
	for _, want := range []int{maxVectors, 5, 0} {
		n, err := Writev(int(w.Fd()), iov)
		if n != want || err != nil {
			t.Fatalf("wrote %d, %v; want %d", n, err, want)
		}
		iov = Advance(iov, n)
	}
}

func TestAdvance(t *testing.T) {
	p := []byte("abcdef")
	for n, want := range map[int]string{0: "abcdef", 1: "bcdef", 2: "cdef", 3: "def", 5: "f", 6: "", 9: ""} {
		got := ""
		for _, v := range Advance(vectors(p[:2], p[2:5], p[5:]), n) {
			got += string(bytesOf(v))
		}
		if got != want {
			t.Errorf("%d bytes on: %q, want %q", n, got, want)
		}
	}
}
