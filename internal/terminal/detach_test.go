package terminal

import (
	"bytes"
	"io"
	"os"
	"testing"
	"time"
)

func TestParseDetachKeys(t *testing.T) {
	for text, want := range map[string]string{
		"":                  "",
		DefaultDetachKeys:   "\x10\x11",
		"ctrl-P,ctrl-q":     "\x10\x11",
		"a":                 "a",
		"a,b,C":             "abC",
		`ctrl-@,ctrl-[`:     "\x00\x1b",
		`ctrl-\,ctrl-],~`:   "\x1c\x1d~",
		"ctrl-^,ctrl-_,.":   "\x1e\x1f.",
		"ctrl-a,ctrl-z,d,d": "\x01\x1add",
	} {
		if got, err := ParseDetachKeys(text); err != nil || string(got) != want {
			t.Errorf("%q: %q, %v; want %q", text, got, err, want)
		}
	}
	for _, text := range []string{",", "a,", "ctrl-", "ctrl-1", "ctrl-ab", "ab", " ", "é", "ctrl-p ,q", "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q"} {
		if got, err := ParseDetachKeys(text); err == nil {
			t.Errorf("%q: %q, want an error", text, got)
		}
	}
}

func FuzzParseDetachKeys(f *testing.F) {
	for _, s := range []string{"", DefaultDetachKeys, "a,b", "ctrl-\\", "ctrl-,x", ",,", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		keys, err := ParseDetachKeys(text)
		if err == nil && (len(keys) > maxDetachKeys || (len(keys) == 0) != (text == "")) {
			t.Errorf("%q: %d keys", text, len(keys))
		}
	})
}

// FuzzKeyMatch compares the matcher, fed in pieces, with a look for the first place
// of the keys in the whole.
func FuzzKeyMatch(f *testing.F) {
	f.Add([]byte("\x10\x11"), []byte("ls\r\x10\x10\x11more"), uint8(1))
	f.Add([]byte("aab"), []byte("aaaab"), uint8(2))
	f.Add([]byte("abab"), []byte("abaabab"), uint8(3))
	f.Add([]byte("ab"), []byte("a"), uint8(1))
	f.Add([]byte{}, []byte("anything"), uint8(3))
	f.Fuzz(func(t *testing.T, keys, typed []byte, piece uint8) {
		if len(keys) > maxDetachKeys {
			keys = keys[:maxDetachKeys]
		}
		want, found := typed, false
		if i := bytes.Index(typed, keys); i >= 0 && len(keys) > 0 {
			want, found = typed[:i], true
		}
		m := keyMatch{keys: keys}
		var got []byte
		var detached bool
		for rest := typed; len(rest) > 0 && !detached; {
			n := min(int(piece)+1, len(rest))
			got, detached = m.filter(got, rest[:n])
			rest = rest[n:]
		}
		got = m.release(got)
		if detached != found || !bytes.Equal(got, want) {
			t.Errorf("keys %q in %q by %d: %q, %v; want %q, %v", keys, typed, piece, got, detached, want, found)
		}
	})
}

// detachReader reads what the test writes.
func detachReader(t *testing.T, keys string) (*DetachReader, *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err := NewInput(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		r.Close()
		w.Close()
	})
	return NewDetachReader(in, []byte(keys)), w
}

func TestDetachReaderEndsAtItsKeys(t *testing.T) {
	d, w := detachReader(t, "\x10\x11")
	if _, err := w.WriteString("ls\r\x10\x11rest"); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 3)
	if _, err := io.ReadFull(d, got); err != nil || string(got) != "ls\r" {
		t.Errorf("read %q, %v", got, err)
	}
	select {
	case <-d.Detached():
		t.Error("detached before what was typed first has arrived")
	default:
	}
	for range 2 {
		if n, err := d.Read(got); n != 0 || err != io.EOF {
			t.Errorf("read %d bytes, %v", n, err)
		}
		select {
		case <-d.Detached():
		default:
			t.Error("not detached")
		}
	}
}

func TestDetachReaderPassesALoneKeyOn(t *testing.T) {
	d, w := detachReader(t, "\x10\x11")
	if _, err := w.WriteString("\x10"); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	buffer := make([]byte, 8)
	n, err := d.Read(buffer)
	if err != nil || string(buffer[:n]) != "\x10" {
		t.Fatalf("read %q, %v", buffer[:n], err)
	}
	if waited := time.Since(began); waited < holdTime {
		t.Errorf("passed on after %v, want %v at least", waited, holdTime)
	}
	// It is for the guest then: the second key alone does nothing.
	if _, err := w.WriteString("\x11"); err != nil {
		t.Fatal(err)
	}
	if n, err = d.Read(buffer); err != nil || string(buffer[:n]) != "\x11" {
		t.Errorf("read %q, %v", buffer[:n], err)
	}
}

func TestDetachReaderPassesTheRestOnAtTheEnd(t *testing.T) {
	d, w := detachReader(t, "\x10\x11")
	if _, err := w.WriteString("bye\x10"); err != nil {
		t.Fatal(err)
	}
	w.Close()
	got, err := io.ReadAll(d)
	if err != nil || string(got) != "bye\x10" {
		t.Errorf("read %q, %v", got, err)
	}
}

func TestDetachReaderEndsWithItsInput(t *testing.T) {
	d, _ := detachReader(t, "\x10\x11")
	d.input.Stop()
	if n, err := d.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("read %d bytes, %v", n, err)
	}
}
