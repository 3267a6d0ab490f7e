package logs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/internal/guesttest"
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

// disk is a file on a disk that has so many bytes left.
type disk struct {
	output
	left   int
	stuck  bool // cannot be truncated
	writes int
}

var errFull = errors.New("no space left")

func (d *disk) Write(b []byte) (int, error) {
	d.writes++
	if len(b) > d.left {
		n, _ := d.output.Write(b[:d.left])
		d.left = 0
		return n, &os.PathError{Op: "write", Path: "old name", Err: errFull}
	}
	d.left -= len(b)
	return d.output.Write(b)
}

func (d *disk) Truncate(size int64) error {
	if d.stuck {
		return errFull
	}
	return d.output.Truncate(size)
}

func TestAFullDiskIsSaidOnceAndLived(t *testing.T) {
	for _, stuck := range []bool{false, true} {
		dir := t.TempDir()
		w := open(t, dir, Limits{MaxSize: 2000})
		var told []error
		w.OnError(func(err error) { told = append(told, err) })
		d := &disk{output: w.file, left: 200, stuck: stuck}
		w.file = d
		s := w.Stream(Stdout)
		write(t, s, "before\n")
		for range 3 {
			write(t, s, strings.Repeat("x", 99)+"\n")
		}
		if len(told) != 1 || !errors.Is(told[0], errFull) || strings.Contains(told[0].Error(), "old name") || w.Err() == nil {
			t.Errorf("told %v, now %v", told, w.Err())
		}
		d.left, d.stuck = 1<<20, false
		write(t, s, "after\n")
		if w.Err() != nil {
			t.Errorf("with space again: %v", w.Err())
		}
		write(t, s, "and on\n")
		lost := fmt.Sprintf("hull: %%d bytes of output are missing here: log %q: write: no space left\n", w.path)
		wantTexts(t, dir, everything, `stdout "before\n"`, fmt.Sprintf("stderr %q", fmt.Sprintf(lost, 300)), `stdout "after\n"`, `stdout "and on\n"`)
		d.left = 0
		write(t, s, "gone\n")
		if len(told) != 2 {
			t.Errorf("told %v", told)
		}
		d.left = 1 << 20
		closed(t, w)
		wantTexts(t, dir, Options{Tail: 1}, fmt.Sprintf("stderr %q", fmt.Sprintf(lost, 5)))
	}
}

func TestALogThatCannotBeRotatedDoesNotGrow(t *testing.T) {
	dir := t.TempDir()
	w := open(t, dir, Limits{MaxSize: 500})
	works := w.rotate
	w.rotate = func(string, int) (output, error) { return nil, errFull }
	s := w.Stream(Stdout)
	for range 20 {
		write(t, s, "0123456789\n")
	}
	if w.size > 500 || !errors.Is(w.Err(), errFull) {
		t.Errorf("%d bytes, %v", w.size, w.Err())
	}
	kept := len(texts(t, dir, everything))
	w.rotate = works
	write(t, s, "on\n")
	closed(t, w)
	got := texts(t, dir, everything)
	if len(got) != kept+2 || got[kept+1] != `stdout "on\n"` || !strings.Contains(got[kept], fmt.Sprintf("hull: %d bytes", 11*(20-kept))) {
		t.Errorf("after %d: %q", kept, got[kept:])
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

func TestADiskThatIsReallyFull(t *testing.T) {
	// The thread ends with this goroutine, and what it has mounted with it.
	runtime.LockOSThread()
	dir := filepath.Join(t.TempDir(), "small")
	err := os.Mkdir(dir, 0o700)
	if err == nil {
		err = unix.Unshare(unix.CLONE_NEWNS)
	}
	if err == nil {
		err = unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
	}
	if err == nil {
		err = unix.Mount("tmpfs", dir, "tmpfs", 0, "size=32k")
	}
	if err != nil {
		guesttest.Missing(t, "a small disk: "+err.Error())
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 16<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	w := open(t, dir, Limits{})
	s := w.Stream(Stdout)
	const n = 400
	for i := range n {
		write(t, s, fmt.Sprintf("%d\n", i))
	}
	if !errors.Is(w.Err(), unix.ENOSPC) {
		t.Errorf("it is said to be %v", w.Err())
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	write(t, s, "on\n")
	closed(t, w)
	got := texts(t, dir, everything)
	kept := len(got) - 2
	lost := 0
	for i := range n {
		switch {
		case i >= kept:
			lost += len(fmt.Sprintln(i))
		case got[i] != fmt.Sprintf("stdout %q", fmt.Sprintln(i)):
			t.Errorf("record %d is %s", i, got[i])
		}
	}
	if kept < 10 || kept == n || !strings.HasPrefix(got[kept], fmt.Sprintf(`stderr "hull: %d bytes`, lost)) || got[kept+1] != `stdout "on\n"` {
		t.Errorf("%d are kept, then %q", kept, got[kept:])
	}
}

// childVariable makes this binary a writer that logs numbers, says each when its
// Write has returned, and waits to be killed.
const childVariable = "HULL_TEST_LOG_DIR"

func TestMain(m *testing.M) {
	dir := os.Getenv(childVariable)
	if dir == "" {
		os.Exit(m.Run())
	}
	w, err := OpenWriter(dir, Limits{MaxSize: 4000, MaxFiles: 1000})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	s := w.Stream(Stdout)
	for i := 0; ; i++ {
		fmt.Fprintln(s, i)
		fmt.Println(i)
	}
}

func TestAKilledWriterLosesNothingThatItWrote(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, enough := range []int{1, 50, 1000} {
		dir := t.TempDir()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, self)
		cmd.Env = append(os.Environ(), childVariable+"="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		head := make([]byte, 0, 1<<16)
		for bytes.Count(head, []byte("\n")) < enough {
			n, err := out.Read(head[len(head):cap(head)])
			if err != nil {
				t.Fatalf("after %q: %v", head, err)
			}
			head = head[:len(head)+n]
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		rest, err := io.ReadAll(out)
		if err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // it was killed
		said := bytes.Count(append(head, rest...), []byte("\n"))

		// The next writer goes on behind it.
		w := open(t, dir, Limits{MaxSize: 4000, MaxFiles: 1000})
		write(t, w.Stream(Stderr), "next\n")
		closed(t, w)
		n := 0
		for r, err := range Read(t.Context(), dir, everything) {
			if err != nil {
				t.Fatal(err)
			}
			if r.Stream == Stderr {
				break
			}
			if string(r.Text) != strconv.Itoa(n)+"\n" {
				t.Fatalf("record %d is %q", n, r.Text)
			}
			n++
		}
		if n < said {
			t.Errorf("%d records of the %d that were written", n, said)
		}
	}
}

// FuzzStream wants of any bytes, written in any pieces, the lines that splitting
// the whole gives, and of each stream what was written to it.
func FuzzStream(f *testing.F) {
	f.Add([]byte("a\nb"), uint16(1), uint16(3))
	f.Add([]byte("é\xff\n\n"), uint16(2), uint16(9000))
	f.Add([]byte("😀"), uint16(3), uint16(5000))
	f.Fuzz(func(t *testing.T, unit []byte, step, times uint16) {
		content := bytes.Repeat(unit, min(int(times), 1+3*maxText/max(1, len(unit))))
		dir := t.TempDir()
		w := open(t, dir, Limits{MaxSize: 1 << 20, MaxFiles: 100})
		s := w.Stream(Stdout)
		for rest := content; len(rest) > 0; {
			n := min(len(rest), max(1+int(step), len(content)/500))
			write(t, s, string(rest[:n]))
			rest = rest[n:]
		}
		closed(t, w)
		var got []byte
		for r, err := range Read(t.Context(), dir, everything) {
			if err != nil {
				t.Fatal(err)
			}
			i := bytes.IndexByte(r.Text, '\n')
			if len(r.Text) == 0 || len(r.Text) > maxText || i >= 0 && i != len(r.Text)-1 {
				t.Fatalf("a record of %d bytes, its line ends at %d", len(r.Text), i)
			}
			got = append(got, r.Text...)
		}
		if !bytes.Equal(got, content) {
			t.Errorf("%d bytes came out of %d", len(got), len(content))
		}
	})
}

// FuzzParseRecord wants what is a record to be written as the same record again.
func FuzzParseRecord(f *testing.F) {
	f.Add([]byte(`{"log":"text\n","stream":"stdout","time":"2026-01-02T03:04:05.000000006Z"}`))
	f.Add([]byte(`{"bytes":"/w==","stream":"stderr","time":"2026-01-02T03:04:05+01:00"}`))
	f.Add([]byte(`{"log":"","bytes":"","stream":"stderr","time":"2026-01-02T03:04:05Z"}`))
	f.Add([]byte("{\"log\":\"\xff\"}"))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := parseRecord(b)
		if err != nil {
			return
		}
		again, err := appendRecord(nil, &r)
		if err != nil {
			return // a year that has five digits in UTC
		}
		got, err := parseRecord(bytes.TrimSuffix(again, []byte("\n")))
		if err != nil || !got.Time.Equal(r.Time) || got.Stream != r.Stream || !bytes.Equal(got.Text, r.Text) {
			t.Errorf("%q became %+v, was %+v: %v", b, got, r, err)
		}
	})
}
