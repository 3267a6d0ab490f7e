package vectors

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// pieces describes each word of s by a vector of its own.
func pieces(s string) []unix.Iovec {
	var iov []unix.Iovec
	for _, w := range strings.Fields(s) {
		iov = Of(iov, []byte(w))
	}
	return iov
}

func text(iov []unix.Iovec) string {
	var words []string
	for i := range iov {
		words = append(words, string(bytesOf(&iov[i])))
	}
	return strings.Join(words, " ")
}

func TestSlice(t *testing.T) {
	for _, c := range []struct {
		from   string
		off, n int64
		want   string
	}{
		{"abc de f", 0, 6, "abc de f"},
		{"abc de f", 0, 0, ""},
		{"abc de f", 0, 2, "ab"},
		{"abc de f", 1, 1, "b"},
		{"abc de f", 2, 2, "c d"},
		{"abc de f", 3, 2, "de"},
		{"abc de f", 5, 1, "f"},
		{"abc de f", 1, 5, "bc de f"},
		{"abc de f", 4, 9, "e f"},
		{"abc de f", 6, 1, ""},
		{"", 0, 0, ""},
	} {
		iov := pieces(c.from)
		if got := text(Slice(iov, c.off, c.n)); got != c.want {
			t.Errorf("Slice(%q, %d, %d) is %q, want %q", c.from, c.off, c.n, got, c.want)
		}
		if got := text(iov); got != c.from {
			t.Errorf("Slice(%q, %d, %d) left %q behind", c.from, c.off, c.n, got)
		}
	}
}

func TestCopies(t *testing.T) {
	iov := pieces("abc de f")
	if n := Len(iov); n != 6 {
		t.Errorf("length %d, want 6", n)
	}
	p := make([]byte, 4)
	if n := CopyFrom(p, iov); n != 4 || string(p) != "abcd" {
		t.Errorf("copied %d: %q", n, p)
	}
	if n := CopyTo(iov, []byte("wxyz")); n != 4 || text(iov) != "wxy ze f" {
		t.Errorf("copied %d: %q", n, text(iov))
	}
	Zero(iov)
	if got := text(iov); got != "\x00\x00\x00 \x00\x00 \x00" {
		t.Errorf("zeroes are %q", got)
	}
}
