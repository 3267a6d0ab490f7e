package hostfile

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/disk/disktest"
	"github.com/hullvm/hull/disk/vectors"
	"github.com/hullvm/hull/internal/hosttest"
)

func newFile(t testing.TB, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func open(t testing.TB, path string, o Options) *File {
	t.Helper()
	f, err := Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func TestLocks(t *testing.T) {
	for _, c := range []struct{ first, second, inUse bool }{ // for writing
		{false, false, false},
		{false, true, true},
		{true, false, true},
		{true, true, true},
	} {
		path := newFile(t, "")
		first := open(t, path, Options{ReadOnly: !c.first, Lock: true})
		second, err := Open(path, Options{ReadOnly: !c.second, Lock: true})
		if errors.Is(err, ErrInUse) != c.inUse || (err != nil) != c.inUse {
			t.Errorf("first writes %v, second writes %v: %v", c.first, c.second, err)
		}
		if err != nil && !strings.Contains(err.Error(), path) {
			t.Errorf("error %v does not name the file", err)
		}
		if second != nil {
			_ = second.Close()
		}
		// A failed lock leaves nothing behind, and a closed file gives its own up.
		if err := first.Close(); err != nil {
			t.Fatal(err)
		}
		open(t, path, Options{Lock: true})
	}
}

func TestUnlockLetsOthersIn(t *testing.T) {
	path := newFile(t, "")
	first := open(t, path, Options{Lock: true})
	if err := Unlock(first.f); err != nil {
		t.Fatal(err)
	}
	second := open(t, path, Options{Lock: true})
	if err := Lock(first.f, true); !errors.Is(err, ErrInUse) {
		t.Errorf("taken back while it is in use: %v", err)
	}
	if err := Unlock(second.f); err != nil {
		t.Fatal(err)
	}
	if err := Lock(first.f, true); err != nil {
		t.Errorf("taken back: %v", err)
	}
}

// QEMU and Hull keep out of each other's files.
func TestLocksAreQEMUs(t *testing.T) {
	hosttest.Need(t, "qemu-io", "qemu-utils")
	path := newFile(t, strings.Repeat("x", 4096))
	f := open(t, path, Options{Lock: true})
	out, err := disktest.Try("qemu-io", "-f", "raw", "-c", "write 0 512", path)
	if err == nil || !strings.Contains(out, "lock") {
		t.Errorf("qemu-io wrote to a locked file: %v\n%s", err, out)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	f = open(t, path, Options{ReadOnly: true, Lock: true})
	if out, err := disktest.Try("qemu-io", "-f", "raw", "-r", "-c", "read 0 512", path); err != nil {
		t.Errorf("qemu-io could not read beside a reader: %v\n%s", err, out)
	}
	if out, err := disktest.Try("qemu-io", "-f", "raw", "-c", "write 0 512", path); err == nil {
		t.Errorf("qemu-io wrote beside a reader:\n%s", out)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}

	// qemu-io holds the file while it waits for its next command.
	stop := disktest.Hold(t, "qemu-io", "-f", "raw", path)
	if _, err := Open(path, Options{Lock: true}); !errors.Is(err, ErrInUse) {
		t.Errorf("opened while QEMU writes: %v", err)
	}
	if _, err := Open(path, Options{Lock: true, ReadOnly: true}); !errors.Is(err, ErrInUse) {
		t.Errorf("opened for reading while QEMU writes: %v", err)
	}
	stop()
	open(t, path, Options{Lock: true})
}

func TestOnlyFilesAndBlockDevices(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		dir:                            "neither",
		pipe:                           "neither",
		"/dev/null":                    "neither",
		filepath.Join(dir, "not", "x"): "no such file",
	} {
		if _, err := Open(path, Options{ReadOnly: true}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v", path, err)
		}
	}
	readOnly, err := os.Open(newFile(t, ""))
	if err != nil {
		t.Fatal(err)
	}
	defer readOnly.Close()
	if _, err := New(readOnly, Options{}); !errors.Is(err, unix.EBADF) {
		t.Errorf("a descriptor for reading, opened for writing: %v", err)
	}
}

func TestReadsPastTheEndAreZeroes(t *testing.T) {
	f := open(t, newFile(t, "abc"), Options{})
	p := bytes.Repeat([]byte{0xff}, 8)
	if err := f.ReadAt(p, 1); err != nil || string(p) != "bc\x00\x00\x00\x00\x00\x00" {
		t.Errorf("%q, %v", p, err)
	}
	if err := f.ReadAt(p, 1<<40); err != nil || string(p) != strings.Repeat("\x00", 8) {
		t.Errorf("%q, %v", p, err)
	}
}

func TestZeroesWithAndWithoutTheFileSystemsHelp(t *testing.T) {
	for _, helpless := range []bool{false, true} {
		for _, mayUnmap := range []bool{false, true} {
			content := strings.Repeat("x", 3<<20)
			f := open(t, newFile(t, content), Options{})
			f.noPunch.Store(helpless)
			f.noZeroRange.Store(helpless)
			const off, n = 4096 + 512, 2<<20 + 1024
			if err := f.WriteZeroes(off, n, mayUnmap); err != nil {
				t.Fatal(err)
			}
			p := make([]byte, len(content))
			if err := f.ReadAt(p, 0); err != nil {
				t.Fatal(err)
			}
			if want := content[:off] + strings.Repeat("\x00", n) + content[off+n:]; string(p) != want {
				t.Errorf("helpless %v, unmap %v: not what it should be", helpless, mayUnmap)
			}
		}
	}
}

func TestErrorsAreTheHosts(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
	if err != nil {
		t.Skip("missing: /dev/full")
	}
	defer full.Close()
	f := &File{f: full, fd: int(full.Fd())}
	if err := f.WriteAt([]byte("x"), 0); err != unix.ENOSPC {
		t.Errorf("a full disk: %v", err)
	}
	path := newFile(t, "abc")
	h := open(t, path, Options{ReadOnly: true})
	if err := h.WriteAt([]byte("x"), 0); err != unix.EBADF {
		t.Errorf("a file for reading: %v", err)
	}
}

// Direct I/O wants whole blocks in aligned memory; a guest's need not be.
func TestDirectIOOfAnyAlignment(t *testing.T) {
	path := newFile(t, "")
	f, err := Open(path, Options{Direct: true})
	if err != nil {
		t.Skipf("missing: direct I/O: %v", err)
	}
	defer f.Close()
	t.Logf("alignment %d", f.direct.align)
	r := rand.New(rand.NewPCG(1, 2))
	want := []byte{}
	for range 200 {
		off, p := r.IntN(40000), make([]byte, 1+r.IntN(20000))
		switch r.IntN(3) {
		case 0:
			off, p = off&^4095, f.direct.buffer(int64(len(p)+4095)&^4095)
		case 1:
			off, p = off&^511, p[:max(len(p)&^511, 1)]
		}
		for i := range p {
			p[i] = byte(r.Uint32())
		}
		if err := f.Writev(disktest.Pieces(r, p), int64(off)); err != nil {
			t.Fatal(err)
		}
		if n := off + len(p); n > len(want) {
			want = append(want, make([]byte, n-len(want))...)
		}
		copy(want[off:], p)
		got := make([]byte, r.IntN(30000))
		at := r.IntN(40000)
		if err := f.Readv(vectors.Of(nil, got), int64(at)); err != nil {
			t.Fatal(err)
		}
		expect := make([]byte, len(got))
		if at < len(want) {
			copy(expect, want[at:])
		}
		if !bytes.Equal(got, expect) {
			t.Fatalf("%d bytes at %d are not what was written", len(got), at)
		}
	}
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
		t.Errorf("the file has %d bytes, want %d, %v", len(got), len(want), err)
	}
}
