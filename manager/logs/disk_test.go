package logs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/internal/guesttest"
)

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
