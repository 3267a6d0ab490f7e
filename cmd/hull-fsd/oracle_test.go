package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/fsd/spawn"
)

// soak makes the tests that do things at random do more of them.
var soak = flag.Int("soak", 1, "do so many times as much")

// asUser runs f with another user's identity for files, and no capabilities over
// them, in a thread that ends with it.
func asUser(t *testing.T, id int, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		for _, set := range []func(int) (int, error){unix.SetfsgidRetGid, unix.SetfsuidRetUid} {
			if _, err := set(id); err != nil {
				t.Error(err)
				return
			}
		}
		f()
	}()
	<-done
}

// Whatever is done in a mounted share and in an ordinary directory has the same
// outcome in both.
func TestLinuxDoesInAShareWhatItDoesAnywhere(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	dir, plain := t.TempDir(), t.TempDir()
	m := mount(t, dir, spawn.Config{})
	names := []string{"a", "b", "c", "a/a", "a/b", "b/a", "b/b/b", "a/a/c"}
	pick := func() string { return names[r.IntN(len(names))] }
	for i := range 600 * *soak {
		op, x, y := r.IntN(14), pick(), pick()
		n, mode := r.IntN(20000), os.FileMode(r.IntN(0o1000))|0o700
		var outcome [2]string
		for k, top := range []string{m, plain} {
			x, y := filepath.Join(top, x), filepath.Join(top, y)
			outcome[k] = act(op, x, y, n, mode)
		}
		if outcome[0] != outcome[1] {
			t.Fatalf("step %d: operation %d on %s, %s: %s in the share, %s elsewhere", i, op, x, y, outcome[0], outcome[1])
		}
		if i%100 == 0 {
			if a, b, c := tree(t, m), tree(t, plain), tree(t, dir); a != b || a != c {
				t.Fatalf("step %d: the share has\n%s\nelsewhere\n%s\non the host\n%s", i, a, b, c)
			}
		}
	}
}

// act does one thing and says what came of it.
func act(op int, x, y string, n int, mode os.FileMode) string {
	data := bytes.Repeat([]byte{byte(n)}, n)
	var err error
	switch op {
	case 0:
		err = os.Mkdir(x, mode)
	case 1:
		err = os.WriteFile(x, data, mode)
	case 2:
		err = os.Remove(x)
	case 3:
		err = os.Rename(x, y)
	case 4:
		err = os.Link(x, y)
	case 5:
		err = os.Symlink("a", x)
	case 6:
		err = os.Truncate(x, int64(n))
	case 7:
		err = os.Chmod(x, mode)
	case 8:
		err = unix.Renameat2(unix.AT_FDCWD, x, unix.AT_FDCWD, y, unix.RENAME_EXCHANGE)
	case 9:
		var f *os.File
		if f, err = os.OpenFile(x, os.O_RDWR|os.O_APPEND|os.O_CREATE, mode); err == nil {
			_, err = f.Write(data)
			err = errors.Join(err, f.Close())
		}
	case 10:
		err = os.RemoveAll(x)
	case 11:
		err = os.Lchown(x, n%3, n%5)
	case 12:
		var target string
		target, err = os.Readlink(x)
		return fmt.Sprint(target, number(err))
	default:
		var b []byte
		b, err = os.ReadFile(x)
		return fmt.Sprint(len(b), bytes.Count(b, []byte{0}), number(err))
	}
	return number(err)
}

func number(err error) string {
	var e unix.Errno
	if errors.As(err, &e) {
		return unix.ErrnoName(e)
	}
	return fmt.Sprint(err)
}

// tree describes a directory.
func tree(t *testing.T, top string) string {
	t.Helper()
	var b bytes.Buffer
	err := fs.WalkDir(os.DirFS(top), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == "." {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(filepath.Join(top, path), &st); err != nil {
			return err
		}
		size := st.Size
		if d.IsDir() {
			size = 0
		}
		fmt.Fprintf(&b, "%s %o %d %d:%d %d\n", path, st.Mode, st.Nlink, st.Uid, st.Gid, size)
		return nil
	})
	check(t, err)
	return b.String()
}

// A file's bytes are those of an oracle in memory, however they are written.
func TestLinuxReadsWhatItWrote(t *testing.T) {
	for _, cache := range []string{"auto", "none", "always"} {
		t.Run(cache, func(t *testing.T) {
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			r := rand.New(rand.NewPCG(seed, 0))
			dir := t.TempDir()
			m := mount(t, dir, spawn.Config{Cache: cache})
			f, err := os.Create(filepath.Join(m, "f"))
			check(t, err)
			defer f.Close()
			const most = 300000
			var want []byte
			grow := func(n int) {
				if n > len(want) {
					want = append(want, make([]byte, n-len(want))...)
				}
			}
			for i := range 150 * *soak {
				off, n := r.IntN(most), r.IntN(70000)
				switch r.IntN(6) {
				case 0, 1:
					p := bytes.Repeat([]byte{byte(i)}, n)
					_, err = f.WriteAt(p, int64(off))
					if n > 0 {
						grow(off + n)
						copy(want[off:], p)
					}
				case 2:
					err = f.Truncate(int64(off))
					grow(off)
					want = want[:off]
				case 3:
					err = unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE|unix.FALLOC_FL_PUNCH_HOLE, int64(off), int64(n+1))
					if err == unix.EOPNOTSUPP {
						err = nil
					} else if off < len(want) {
						clear(want[off:min(len(want), off+n+1)])
					}
				default:
					p := make([]byte, n)
					var got int
					got, err = f.ReadAt(p, int64(off))
					if errors.Is(err, io.EOF) {
						err = nil
					}
					if length := max(0, min(n, len(want)-off)); got != length || !bytes.Equal(p[:got], want[min(off, len(want)):][:got]) {
						t.Fatalf("step %d: read of %d at %d: %d bytes, want %d, or others", i, n, off, got, length)
					}
				}
				if err != nil {
					t.Fatalf("step %d: %v", i, err)
				}
			}
			check(t, f.Sync())
			if b, err := os.ReadFile(filepath.Join(dir, "f")); !bytes.Equal(b, want) || err != nil {
				t.Errorf("the host has %d bytes, want %d, or others; %v", len(b), len(want), err)
			}
		})
	}
}

func TestLinuxWorksInManyThreads(t *testing.T) {
	dir := t.TempDir()
	m := mount(t, dir, spawn.Config{})
	var users sync.WaitGroup
	for i := range 8 {
		users.Go(func() {
			top := filepath.Join(m, fmt.Sprint(i%4))
			for j := range 15 * *soak {
				name := filepath.Join(top, fmt.Sprint(j%7))
				_ = os.Mkdir(top, 0o755)
				_ = os.WriteFile(name, []byte("x"), 0o600)
				if b, err := os.ReadFile(name); err == nil && len(b) > 1 {
					t.Errorf("read %q", b)
				}
				_ = os.Rename(name, name+"x")
				_, _ = os.ReadDir(top)
				_ = os.RemoveAll(top)
			}
		})
	}
	users.Wait()
	check(t, os.RemoveAll(m+"/0"))
	for _, top := range []string{"1", "2", "3"} {
		check(t, os.RemoveAll(filepath.Join(m, top)))
	}
	if list, err := os.ReadDir(dir); len(list) != 0 || err != nil {
		t.Errorf("the directory has %v, %v", list, err)
	}
}
