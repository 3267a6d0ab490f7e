package logs

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"
)

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
