package logs

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// earlier writes the log of the time before into a log's directory.
func earlier(t *testing.T, dir string, lines ...string) {
	t.Helper()
	from := t.TempDir()
	w := open(t, from, Limits{})
	out := w.Stream(Stdout)
	for _, l := range lines {
		write(t, out, l)
	}
	closed(t, w)
	text := copied(t, from)
	if err := os.WriteFile(filepath.Join(dir, EarlierName), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func copied(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	if err := Copy(t.Context(), dir, func(line []byte) error {
		all.Write(line)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return all.String()
}

func TestALogOfTheTimeBeforeIsTheOldest(t *testing.T) {
	small := Limits{MaxSize: 200, MaxFiles: 3}
	line := strings.Repeat("x", 100) + "\n"
	got := `stdout "` + strings.Repeat("x", 100) + `\n"`
	for name, test := range map[string]struct {
		limits Limits
		lines  int // that come meanwhile: each but the first fills a file
		want   []string
	}{
		"at once":               {Limits{}, 0, []string{`stdout "a\n"`, `stdout "b\n"`}},
		"after a few lines":     {Limits{}, 2, []string{`stdout "a\n"`, `stdout "b\n"`, got, got}},
		"after one rotation":    {small, 2, []string{`stdout "a\n"`, `stdout "b\n"`, got, got}},
		"when there is no room": {small, 4, []string{got, got, got}},
		"into one file":         {Limits{MaxFiles: 1}, 1, []string{got}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			w := open(t, dir, test.limits)
			out := w.Stream(Stdout)
			earlier(t, dir, "a\n", "b\n")
			for range test.lines {
				write(t, out, line)
			}
			if err := w.TakeEarlier(); err != nil {
				t.Fatal(err)
			}
			wantTexts(t, dir, everything, test.want...)
			if _, err := os.Lstat(filepath.Join(dir, EarlierName)); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("what was taken is still there: %v", err)
			}
			if err := w.TakeEarlier(); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("taken twice: %v", err)
			}
			write(t, out, "end\n")
			closed(t, w)
			if all := texts(t, dir, everything); all[len(all)-1] != `stdout "end\n"` {
				t.Errorf("it does not go on: %q", all)
			}
		})
	}
}

// What was taken goes as the log is rotated on, as its other files do.
func TestALogOfTheTimeBeforeIsRotated(t *testing.T) {
	dir := t.TempDir()
	w := open(t, dir, Limits{MaxSize: 200, MaxFiles: 2})
	out := w.Stream(Stdout)
	earlier(t, dir, "a\n")
	if err := w.TakeEarlier(); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		write(t, out, strings.Repeat("y", 100)+"\n")
	}
	closed(t, w)
	for _, text := range texts(t, dir, everything) {
		if strings.Contains(text, "a") {
			t.Errorf("still there: %s", text)
		}
	}
}

func TestACopyHasTheFilesLines(t *testing.T) {
	dir := t.TempDir()
	if got := copied(t, dir); got != "" {
		t.Errorf("of no log: %q", got)
	}
	w := open(t, dir, Limits{MaxSize: 100, MaxFiles: 5})
	out := w.Stream(Stdout)
	for _, l := range []string{"one\n", "two\xff\n", "three <&>\n"} {
		write(t, out, l)
	}
	closed(t, w)
	var want strings.Builder
	for _, name := range []string{"log.jsonl.2", "log.jsonl.1", "log.jsonl"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		want.Write(b)
	}
	if got := copied(t, dir); got != want.String() {
		t.Errorf("%q, want %q", got, want.String())
	}

	// What is too long to be read is left out, and what is no record goes along: who
	// reads it says so.
	f, err := os.OpenFile(filepath.Join(dir, fileName), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	write(t, f, strings.Repeat("z", 2<<20)+"\nnonsense\n")
	closed(t, f)
	if got := copied(t, dir); got != want.String()+"nonsense\n" {
		t.Errorf("%d bytes, want %d", len(got), want.Len()+9)
	}
}

func TestACopyEndsWithItsReader(t *testing.T) {
	dir := t.TempDir()
	w := open(t, dir, Limits{})
	write(t, w.Stream(Stdout), "one\ntwo\n")
	closed(t, w)
	boom := errors.New("the other side is gone")
	lines := 0
	if err := Copy(t.Context(), dir, func([]byte) error { lines++; return boom }); !errors.Is(err, boom) || lines != 1 {
		t.Errorf("%v after %d lines", err, lines)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Copy(ctx, dir, func([]byte) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
