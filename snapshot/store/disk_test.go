package store

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/internal/guesttest"
)

// smallDisk is a folder on a disk of so many bytes.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
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
		err = unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size)
	}
	if err != nil {
		guesttest.Missing(t, "a small disk: "+err.Error())
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// At whatever file the disk is full, the error says so, and nothing is left.
func TestADiskThatIsFull(t *testing.T) {
	s, err := Open(smallDisk(t, "64k"))
	if err != nil {
		t.Fatal(err)
	}
	ballast := filepath.Join(s.dir, "ballast")
	wrote, failed := 0, 0
	for free := range 16 { // pages
		f, err := os.Create(ballast)
		if err != nil {
			t.Fatal(err)
		}
		var st unix.Statfs_t
		if err := unix.Fstatfs(int(f.Fd()), &st); err != nil {
			t.Fatal(err)
		}
		if err := unix.Fallocate(int(f.Fd()), 0, 0, int64(st.Bfree)*st.Bsize-int64(free)*4096); err != nil {
			t.Fatal(err)
		}
		closed(t, f)
		err = take(s, "x", nil)
		switch {
		case err == nil:
			wrote++
			if err := errors.Join(s.Verify(t.Context(), "x", nil), s.Remove("x")); err != nil {
				t.Error(err)
			}
		case errors.Is(err, unix.ENOSPC):
			failed++
		default:
			t.Errorf("with %d pages left: %v", free, err)
		}
		wantNames(t, s, "ballast")
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
		if wrote > 0 && err != nil {
			t.Errorf("with %d pages left: %v, and with fewer it was taken", free, err)
		}
	}
	if failed < 4 || wrote < 2 {
		t.Errorf("taken %d times, failed %d times", wrote, failed)
	}
}
