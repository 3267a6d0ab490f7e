package memfile

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/internal/guesttest"
	"github.com/hullvm/hull/mem"
)

func TestADiskThatIsFull(t *testing.T) {
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
		err = unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1m")
	}
	if err != nil {
		guesttest.Missing(t, "a small disk: "+err.Error())
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	f, err := os.Create(filepath.Join(dir, "memory"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	g := guestOf(t, mem.Options{Size: 4 * ChunkSize})
	for a := mem.Addr(0); a < 4*ChunkSize; a += PageSize {
		if err := g.WriteAt([]byte{1}, a); err != nil {
			t.Fatal(err)
		}
	}
	r, err := Write(t.Context(), f, g, Options{})
	if r != nil || !errors.Is(err, unix.ENOSPC) || !strings.Contains(err.Error(), "at offset ") || strings.Contains(err.Error(), dir) {
		t.Errorf("error %v", err)
	}
}
