package logs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hullvm/hull/internal/lockfile"
)

func open(t *testing.T, dir string, l Limits) *Writer {
	t.Helper()
	w, err := OpenWriter(dir, l)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func closed(t *testing.T, c io.Closer) {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, w io.Writer, text string) {
	t.Helper()
	if n, err := io.WriteString(w, text); err != nil || n != len(text) {
		t.Fatalf("wrote %d of %d bytes: %v", n, len(text), err)
	}
}

// texts are the records of a log, each as stream and quoted text, and its errors.
func texts(t *testing.T, dir string, o Options) []string {
	t.Helper()
	var out []string
	for r, err := range Read(t.Context(), dir, o) {
		if err != nil {
			out = append(out, err.Error())
			continue
		}
		out = append(out, fmt.Sprintf("%s %q", r.Stream, r.Text))
	}
	return out
}

func wantTexts(t *testing.T, dir string, o Options, want ...string) {
	t.Helper()
	got := texts(t, dir, o)
	if len(got) != len(want) {
		t.Fatalf("%d records, want %d: %.300q", len(got), len(want), got)
	}
	for i := range got {
		if got[i] != want[i] {
			t.Errorf("record %d: %.300s, want %.300s", i, got[i], want[i])
		}
	}
}

var everything = Options{Tail: -1}

func TestStreamsComeOutAsLines(t *testing.T) {
	dir := t.TempDir()
	w := open(t, dir, Limits{})
	out, errs := w.Stream(Stdout), w.Stream(Stderr)
	write(t, out, "one\ntwo <&> \u2028\n\nthr")
	write(t, errs, "oops\xff\x00\n")
	write(t, out, "ee\nend")
	closed(t, out)
	if _, err := out.Write([]byte("x")); !errors.Is(err, os.ErrClosed) {
		t.Errorf("write after close: %v", err)
	}
	write(t, errs, "last")
	closed(t, w)
	closed(t, w)
	wantTexts(t, dir, everything, `stdout "one\n"`, "stdout \"two <&> \\u2028\\n\"", `stdout "\n"`,
		`stderr "oops\xff\x00\n"`, `stdout "three\n"`, `stdout "end"`, `stderr "last"`)
	wantTexts(t, dir, Options{Tail: 2}, `stdout "end"`, `stderr "last"`)
	text, err := os.ReadFile(filepath.Join(dir, fileName))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(text, []byte(`{"log":"one\n","stream":"stdout","time":"20`)) {
		t.Errorf("the file begins %.80q", text)
	}
}

func TestALongLineIsSplitBetweenCharacters(t *testing.T) {
	for _, unit := range []string{"x", "é", "€", "😀", "\x80"} {
		for shift := range 4 {
			for _, step := range []int{maxText + 1, 1000} {
				dir := t.TempDir()
				line := strings.Repeat("y", shift) + strings.Repeat(unit, 2*maxText/len(unit)) + "\n"
				w := open(t, dir, Limits{})
				s := w.Stream(Stdout)
				for i := 0; i < len(line); i += step {
					write(t, s, line[i:min(len(line), i+step)])
				}
				closed(t, w)
				var got []byte
				n := 0
				for r, err := range Read(t.Context(), dir, everything) {
					if err != nil || len(r.Text) > maxText || unit != "\x80" && !bytes.ContainsRune([]byte("yxé€😀\n"), rune(firstRune(r.Text))) {
						t.Fatalf("%d bytes that begin %.20q: %v", len(r.Text), r.Text, err)
					}
					got = append(got, r.Text...)
					n++
				}
				if string(got) != line || n < 2 || n > 3 {
					t.Errorf("%q, %d before it: %d bytes in %d records, want %d in 2 or 3", unit, shift, len(got), n, len(line))
				}
			}
		}
	}
}

func firstRune(b []byte) rune { return []rune(string(b))[0] }

func TestTheBeginningOfALineIsWrittenAfterAWhile(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := open(t, dir, Limits{})
		s := w.Stream(Stdout)
		write(t, s, "log")
		time.Sleep(partialDelay * 9 / 10)
		write(t, s, "in: ")
		time.Sleep(partialDelay * 9 / 10)
		wantTexts(t, dir, everything)
		time.Sleep(partialDelay * 2 / 10)
		synctest.Wait()
		wantTexts(t, dir, everything, `stdout "login: "`)
		write(t, s, "root\n")
		wantTexts(t, dir, everything, `stdout "login: "`, `stdout "root\n"`)
		if s.(*streamWriter).timer.Stop() {
			t.Error("an idle stream has a timer")
		}
		closed(t, w)
	})
}

func TestALogIsRotatedAndGoesOn(t *testing.T) {
	dir := t.TempDir()
	var want []string
	for run := range 3 {
		w := open(t, dir, Limits{MaxSize: 1000, MaxFiles: 3})
		s := w.Stream(Stdout)
		for i := range 20 {
			write(t, s, fmt.Sprintf("%d.%d\n", run, i))
			want = append(want, fmt.Sprintf(`stdout "%d.%d\n"`, run, i))
		}
		write(t, s, strings.Repeat("many\n", 4))
		want = append(want, `stdout "many\n"`, `stdout "many\n"`, `stdout "many\n"`, `stdout "many\n"`)
		closed(t, w)
	}
	got := texts(t, dir, everything)
	if len(got) < 20 || len(got) >= len(want) {
		t.Errorf("%d records are left of %d", len(got), len(want))
	}
	wantTexts(t, dir, everything, want[len(want)-len(got):]...)
	for _, name := range []string{fileName, fileName + ".1", fileName + ".2"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Size() > 1000 || info.Mode() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	w := open(t, dir, Limits{MaxSize: 1000, MaxFiles: 1})
	write(t, w.Stream(Stdout), strings.Repeat("x", 1000)+"\n")
	closed(t, w)
	names, err := filepath.Glob(filepath.Join(dir, fileName+"*"))
	if err != nil || len(names) != 1 {
		t.Errorf("of one file there are %q, %v", names, err)
	}
}

func TestALogHasOneWriter(t *testing.T) {
	dir := t.TempDir()
	w := open(t, dir, Limits{})
	if _, err := OpenWriter(dir, Limits{}); !errors.Is(err, lockfile.ErrHeld) {
		t.Errorf("a second writer: %v", err)
	}
	closed(t, w)
	closed(t, open(t, dir, Limits{}))
	if _, err := OpenWriter(dir, Limits{MaxSize: -1}); err == nil {
		t.Error("a negative limit is none")
	}
	if _, err := OpenWriter(filepath.Join(dir, "none"), Limits{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a directory that is not there: %v", err)
	}
	if _, err := w.Stream(Stdout).Write([]byte("x")); !errors.Is(err, os.ErrClosed) {
		t.Errorf("a stream of a closed log: %v", err)
	}
}

func TestWhatIsCutOffIsRepairedAndWhatIsWrongIsNamed(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, fileName)
	good := `{"log":"a\n","stream":"stdout","time":"2026-01-02T03:04:05Z"}` + "\n"
	if err := os.WriteFile(path, []byte(good+"junk\n"+good+good[:30]), 0o600); err != nil {
		t.Fatal(err)
	}
	w := open(t, dir, Limits{})
	write(t, w.Stream(Stderr), "b\n")
	closed(t, w)
	var got []string
	for r, err := range Read(t.Context(), dir, everything) {
		if err != nil {
			if !GoesOn(err) || !strings.HasPrefix(err.Error(), fmt.Sprintf("log %q: line at byte %d: not a log's record: ", path, len(good))) {
				t.Errorf("the error is %v", err)
			}
			got = append(got, "error")
			continue
		}
		got = append(got, string(r.Text))
	}
	if fmt.Sprintf("%q", got) != `["a\n" "error" "a\n" "b\n"]` {
		t.Errorf("read %q", got)
	}
}

func TestRecordsAreChosenByTime(t *testing.T) {
	dir := t.TempDir()
	w := open(t, dir, Limits{})
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	s := w.Stream(Stdout)
	for i := range 5 {
		w.now = func() time.Time { return at.Add(time.Duration(i) * time.Second) }
		write(t, s, fmt.Sprintf("%d\n", i))
	}
	closed(t, w)
	wantTexts(t, dir, Options{Tail: -1, Since: at.Add(time.Second), Until: at.Add(2 * time.Second)}, `stdout "1\n"`, `stdout "2\n"`)
	wantTexts(t, dir, Options{Tail: 4, Follow: true, Until: at.Add(2 * time.Second)}, `stdout "1\n"`, `stdout "2\n"`)
	for r := range Read(t.Context(), dir, Options{Tail: 1}) {
		if !r.Time.Equal(at.Add(4 * time.Second)) {
			t.Errorf("the time is %v", r.Time)
		}
	}
}

func TestAFollowerSeesWhatManyWrite(t *testing.T) {
	dir := t.TempDir()
	w := open(t, dir, Limits{MaxSize: 2000, MaxFiles: 500})
	done := make(chan struct{})
	var group, writers sync.WaitGroup
	const each = 500
	group.Go(func() {
		next := map[Stream]int{}
		for r, err := range Read(t.Context(), dir, Options{Tail: -1, Follow: true, Done: done}) {
			if err != nil || string(r.Text) != strconv.Itoa(next[r.Stream])+"\n" {
				t.Errorf("%s: %q, %v, want %d", r.Stream, r.Text, err, next[r.Stream])
				return
			}
			next[r.Stream]++
		}
		if next[Stdout] != each || next[Stderr] != each {
			t.Errorf("read %v", next)
		}
	})
	for _, s := range []Stream{Stdout, Stderr} {
		writers.Go(func() {
			out := w.Stream(s)
			for i := range each {
				if _, err := fmt.Fprintln(out, i); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	closed(t, w)
	close(done)
	group.Wait()
}
