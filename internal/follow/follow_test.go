package follow

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

const all = -1

// collect reads to the end and joins the lines with their newlines; errors are
// lines of their own.
func collect(t *testing.T, path string, o Options) string {
	t.Helper()
	var b strings.Builder
	for l, err := range Lines(t.Context(), path, o) {
		if err != nil {
			fmt.Fprintf(&b, "! %v\n", err)
			continue
		}
		fmt.Fprintf(&b, "%s\n", l.Text)
	}
	return b.String()
}

func put(t *testing.T, path, text string) {
	t.Helper()
	f, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := io.WriteString(f, text); err != nil {
		t.Fatal(err)
	}
}

func TestALogIsReadAcrossItsFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	if got := collect(t, path, Options{Tail: all}); got != "" {
		t.Errorf("a log that is not there reads %q", got)
	}
	put(t, path+".10", "a\nb\n")
	put(t, path+".2", "c\n")
	put(t, path+".1", "d\ne")
	put(t, path, "f\n\ng\nh")
	put(t, path+".01", "no\n")
	put(t, path+".new", "no\n")
	put(t, path+"x", "no\n")
	for tail, want := range map[int]string{
		all: "a\nb\nc\nd\n! " + (&BadLineError{path + ".1", 2, errCutOff}).Error() + "\nf\n\ng\n",
		0:   "", 1: "g\n", 2: "\ng\n", 3: "f\n\ng\n",
		4: "d\n! " + (&BadLineError{path + ".1", 2, errCutOff}).Error() + "\nf\n\ng\n",
	} {
		if got := collect(t, path, Options{Tail: tail}); got != want {
			t.Errorf("tail %d: %q, want %q", tail, got, want)
		}
	}
	if got := collect(t, filepath.Join(filepath.Dir(path), "none", "log"), Options{Tail: all}); !strings.Contains(got, "no such file") {
		t.Errorf("a directory that is not there reads %q", got)
	}
}

func TestALineThatIsTooLongIsSaidOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	for _, n := range []int{MaxLine - 1, MaxLine, MaxLine + 1, MaxLine + blockSize, 3*MaxLine + 7} {
		long := strings.Repeat("x", n) + "\n"
		if err := os.WriteFile(path, []byte("a\n"+long+"b\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		want := "a\n" + long + "b\n"
		if n > MaxLine {
			want = "a\n! " + (&BadLineError{path, 2, errLong}).Error() + "\nb\n"
		}
		if got := collect(t, path, Options{Tail: all}); got != want {
			t.Errorf("%d bytes: %.100q", n, got)
		}
	}
}

func TestTheTailIsThatOfAWholeReading(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 30 {
		path := filepath.Join(t.TempDir(), "log")
		var lines []string
		for n := random.IntN(4); n >= 0; n-- {
			var b strings.Builder
			for range random.IntN(30) {
				line := strings.Repeat("y", random.IntN(1+random.IntN(20000)))
				lines = append(lines, line+"\n")
				b.WriteString(line + "\n")
			}
			put(t, Rotated(path, n), b.String())
		}
		put(t, path, "cut off")
		for _, tail := range []int{0, 1, random.IntN(40), random.IntN(130), len(lines), len(lines) + 1} {
			want := strings.Join(lines[max(0, len(lines)-tail):], "")
			if got := collect(t, path, Options{Tail: tail}); got != want {
				t.Fatalf("tail %d of %d: %d bytes, want %d", tail, len(lines), len(got), len(want))
			}
		}
	}
}

// writeNumbers writes lines from..to-1 and rotates every few of them.
func writeNumbers(path string, from, to, files int) error {
	f, err := Create(path)
	if err != nil {
		return err
	}
	defer func() { f.Close() }()
	for i := from; i < to; i++ {
		if i%7 == 6 {
			next, err := Rotate(path, files)
			if err != nil {
				return err
			}
			f.Close()
			f = next
		}
		if _, err := fmt.Fprintf(f, "%d\n", i); err != nil {
			return err
		}
	}
	return nil
}

func TestAFollowerLosesAndDoublesNothing(t *testing.T) {
	const n = 1000
	path := filepath.Join(t.TempDir(), "log")
	done := make(chan struct{})
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() {
			next := 0
			for l, err := range Lines(t.Context(), path, Options{Tail: all, Follow: true, Done: done}) {
				if err != nil || string(l.Text) != fmt.Sprint(next) {
					t.Errorf("line %q, %v; want %d", l.Text, err, next)
					return
				}
				next++
			}
			if next != n {
				t.Errorf("a follower read %d lines, want %d", next, n)
			}
		})
	}
	group.Go(func() {
		for i := 0; i < 100; i++ { // a reader sees a stretch of it without a hole
			next := -1
			for l, err := range Lines(t.Context(), path, Options{Tail: i}) {
				if err != nil || next >= 0 && string(l.Text) != fmt.Sprint(next) {
					t.Errorf("line %q, %v; want %d", l.Text, err, next)
					return
				}
				if _, err := fmt.Sscan(string(l.Text), &next); err != nil {
					t.Error(err)
				}
				next++
			}
		}
	})
	if err := writeNumbers(path, 0, n, maxFiles); err != nil {
		t.Error(err)
	}
	close(done)
	group.Wait()
}

func TestAFollowerThatIsTooSlowSaysSo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	put(t, path, "start\n")
	done := make(chan struct{})
	var got []string
	for l, err := range Lines(t.Context(), path, Options{Tail: all, Follow: true, Done: done}) {
		switch {
		case errors.Is(err, ErrGap):
			got = append(got, "gap")
		case err != nil:
			t.Fatal(err)
		default:
			got = append(got, string(l.Text))
		}
		if len(got) == 1 {
			if err := writeNumbers(path, 0, 30, 2); err != nil {
				t.Fatal(err)
			}
			close(done)
		}
	}
	if want := "[start 0 1 2 3 4 5 gap 20 21 22 23 24 25 26 27 28 29]"; fmt.Sprint(got) != want {
		t.Errorf("read %v, want %s", got, want)
	}
}

// start starts a follower, and gives its lines and its end.
func start(ctx context.Context, path string, o Options) (lines <-chan string, end <-chan error) {
	out, errs := make(chan string, 100), make(chan error, 1)
	go func() {
		var last error
		for l, err := range Lines(ctx, path, o) {
			if last = err; err == nil {
				out <- string(l.Text)
			}
		}
		close(out)
		errs <- last
	}()
	return out, errs
}

func TestAFollowerWaitsForWhatComes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dir", "log")
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	lines, end := start(t.Context(), path, Options{Tail: all, Follow: true})
	put(t, path, "a\nb")
	if got := <-lines; got != "a" {
		t.Errorf("first %q", got)
	}
	put(t, path, "c\n")
	if got := <-lines; got != "bc" {
		t.Errorf("then %q", got)
	}
	put(t, path, "torn")
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	size, err := Repair(f, 9)
	if err != nil || size != 5 {
		t.Errorf("repaired to %d, %v", size, err)
	}
	f.Close()
	put(t, path, "d\n")
	if got := <-lines; got != "d" {
		t.Errorf("after the repair %q", got)
	}
	if err := os.RemoveAll(filepath.Dir(path)); err != nil {
		t.Fatal(err)
	}
	if got, more := <-lines; more {
		t.Errorf("after the removal %q", got)
	}
	if err := <-end; err != nil {
		t.Errorf("ended with %v", err)
	}
}

func TestAFollowerEndsWhenItIsToldTo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	put(t, path, "a\n")
	ctx, cancel := context.WithCancel(t.Context())
	lines, end := start(ctx, path, Options{Tail: all, Follow: true})
	<-lines
	cancel()
	if err := <-end; !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
	lines, end = start(t.Context(), path, Options{Tail: all, Follow: true, Until: time.Now().Add(20 * time.Millisecond)})
	if got := <-lines; got != "a" {
		t.Errorf("read %q", got)
	}
	if err := <-end; err != nil {
		t.Errorf("ended with %v", err)
	}
}

func TestAReaderLeavesNothingOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	for n := range 4 {
		put(t, Rotated(path, n), "a\nb\n")
	}
	held := func() (files, goroutines int) {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(entries), runtime.NumGoroutine()
	}
	files, goroutines := held()
	for _, follow := range []bool{false, true} {
		for stop := range 9 {
			n := 0
			for range Lines(t.Context(), path, Options{Tail: all, Follow: follow}) {
				if n++; n > stop || n == 8 {
					break
				}
			}
		}
	}
	if f, g := held(); f > files || g > goroutines {
		t.Errorf("%d files and %d goroutines, were %d and %d", f, g, files, goroutines)
	}
}

func TestAFileThatIsCutShortIsReadAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	put(t, path, "one\ntwo\n")
	lines, end := start(t.Context(), path, Options{Tail: all, Follow: true})
	<-lines
	<-lines
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	put(t, path, "3\n")
	if got := <-lines; got != "3" {
		t.Errorf("read %q", got)
	}
	if err := os.RemoveAll(filepath.Dir(path)); err != nil {
		t.Fatal(err)
	}
	if err := <-end; err != nil {
		t.Errorf("ended with %v", err)
	}
}

func TestARotationThatFailsChangesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	put(t, path, "a\n")
	put(t, path+".1", "b\n")
	if err := os.MkdirAll(filepath.Join(path+".new", "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Rotate(path, 3); err == nil {
		t.Error("rotated")
	}
	if got := collect(t, path, Options{Tail: all}); got != "b\na\n" {
		t.Errorf("the log is %q", got)
	}
	if err := Prune(path, 1); err != nil {
		t.Fatal(err)
	}
	if got := collect(t, path, Options{Tail: all}); got != "a\n" {
		t.Errorf("pruned, the log is %q", got)
	}
}

func TestWhatIsNoFileIsNotRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if got := collect(t, path, Options{Tail: all}); !strings.Contains(got, "not a regular file") {
		t.Errorf("a directory reads %q", got)
	}
}

// FuzzLines wants of any content, cut into files anywhere, what splitting the
// whole gives.
func FuzzLines(f *testing.F) {
	f.Add([]byte("a\nb\n\nc"), 3, 2)
	f.Add([]byte("\n\n"), 0, 1)
	f.Add([]byte(""), 1, 0)
	f.Fuzz(func(t *testing.T, content []byte, cut, tail int) {
		if cut < 0 || cut > len(content) {
			cut = len(content)
		}
		cut = bytes.LastIndexByte(content[:cut], '\n') + 1 // files end with their lines
		path := filepath.Join(t.TempDir(), "log")
		put(t, path+".1", string(content[:cut]))
		put(t, path, string(content[cut:]))
		lines := bytes.SplitAfter(content, []byte("\n"))
		lines = lines[:len(lines)-1]
		if tail >= 0 {
			lines = lines[max(0, len(lines)-tail):]
		}
		want := string(bytes.Join(lines, nil))
		if got := collect(t, path, Options{Tail: tail}); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	})
}
