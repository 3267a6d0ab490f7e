package raw

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/disk/hostfile"
	"github.com/hullvm/hull/disk/vectors"
)

// What is tried is done whole and right, or not done: then Readv and Writev do
// it.
func TestTransfersThatDoNotWait(t *testing.T) {
	path := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := hostfile.Open(path, hostfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := Open(f, false)
	defer r.Close()
	if err := r.Resize(1 << 20); err != nil {
		t.Fatal(err)
	}
	want := bytes.Repeat([]byte("0123456789abcdef"), 512)
	write := vectors.Of(nil, want)
	done, err := r.TryWritev(write, 4096)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("a write was done at once: %v", done)
	if !done {
		if err := r.Writev(write, 4096); err != nil {
			t.Fatal(err)
		}
	}
	got := make([]byte, len(want))
	read := vectors.Of(nil, got)
	if done, err = r.TryReadv(read, 4096); err != nil {
		t.Fatal(err)
	}
	t.Logf("a read was done at once: %v", done)
	if !done {
		if err := r.Readv(read, 4096); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(got, want) {
		t.Error("what was read is not what was written")
	}
	for _, off := range []int64{-512, 1 << 20, 1<<20 - 4096} {
		if done, err := r.TryReadv(read, off); done || err != nil {
			t.Errorf("a read at %d: %v, %v", off, done, err)
		}
		if done, err := r.TryWritev(write, off); done || err != nil {
			t.Errorf("a write at %d: %v, %v", off, done, err)
		}
	}
	readOnly := Open(f, true)
	if done, _ := readOnly.TryWritev(write, 0); done {
		t.Error("a disk that is only read was written")
	}
	if err := readOnly.Writev(write, 0); err == nil {
		t.Error("a disk that is only read was written")
	} else if !bytes.Contains([]byte(err.Error()), []byte(unix.EROFS.Error())) {
		t.Error(err)
	}
}
