package renew

import (
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/internal/hosttest"
)

func TestTheKernelTakesASeed(t *testing.T) {
	for _, n := range []int{32, 512} {
		seed := make([]byte, n)
		rand.Read(seed)
		err := seedKernel(seed)
		if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
			hosttest.Missing(t, "the right to seed the kernel (CAP_SYS_ADMIN): %v", err)
		}
		if err != nil {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

// ownMounts puts the test's goroutine into a mount namespace of its own.
func ownMounts(t *testing.T) {
	t.Helper()
	runtime.LockOSThread() // for good: the thread ends with the goroutine
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		hosttest.Missing(t, "a mount namespace: %v", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		hosttest.Missing(t, "a mount namespace: %v", err)
	}
}

// etcAndRun are two file systems, of which the first has an ID of before unless
// old is empty, and is read-only if asked for.
func etcAndRun(t *testing.T, old string, readOnly bool) machineIDFiles {
	t.Helper()
	ownMounts(t)
	dir := t.TempDir()
	var m machineIDFiles
	for name, file := range map[string]*string{"etc": &m.etc, "run": &m.run} {
		on := filepath.Join(dir, name)
		if err := errors.Join(os.Mkdir(on, 0o755), unix.Mount("tmpfs", on, "tmpfs", 0, "")); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = unix.Unmount(on, unix.MNT_DETACH) })
		*file = filepath.Join(on, "machine-id")
	}
	if old != "" {
		if err := os.WriteFile(m.etc, []byte(old+"\n"), 0o444); err != nil {
			t.Fatal(err)
		}
	}
	if readOnly {
		if err := unix.Mount("", filepath.Dir(m.etc), "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func expectID(t *testing.T, path, want string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if want == "" {
		if !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is there: %q, %v", path, b, err)
		}
		return
	}
	if err != nil || string(b) != want+"\n" {
		t.Errorf("%s is %q, %v", path, b, err)
	}
	if info, err := os.Stat(path); err == nil && info.Mode().Perm() != 0o444 {
		t.Errorf("%s has the mode %v", path, info.Mode())
	}
}

var ids = []string{strings.Repeat("a", 32), strings.Repeat("b", 32), strings.Repeat("c", 32)}

func TestAMachineIDIsWritten(t *testing.T) {
	for name, old := range map[string]string{"over another": ids[2], "where there was none": ""} {
		t.Run(name, func(t *testing.T) {
			m := etcAndRun(t, old, false)
			for _, id := range ids[:2] {
				if err := m.set(id); err != nil {
					t.Fatal(err)
				}
				expectID(t, m.etc, id)
				expectID(t, m.run, "")
			}
		})
	}
}

func TestAMachineIDOfAReadOnlySystem(t *testing.T) {
	m := etcAndRun(t, ids[2], true)
	for _, id := range ids[:2] { // the second time over the first
		if err := m.set(id); err != nil {
			t.Fatal(err)
		}
		expectID(t, m.etc, id)
		expectID(t, m.run, id)
	}
	if err := os.WriteFile(m.etc, nil, 0o444); !errors.Is(err, unix.EROFS) {
		t.Errorf("the stand-in can be written through /etc: %v", err)
	}
	if err := unix.Unmount(m.etc, unix.MNT_DETACH); err != nil {
		t.Fatal(err)
	}
	expectID(t, m.etc, ids[2]) // there was one mount, and the file is as it was
}

func TestAMachineIDThatIsRemountedWritable(t *testing.T) {
	m := etcAndRun(t, ids[2], true)
	if err := m.set(ids[0]); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("", filepath.Dir(m.etc), "", unix.MS_REMOUNT, ""); err != nil {
		t.Fatal(err)
	}
	if err := m.set(ids[1]); err != nil {
		t.Fatal(err)
	}
	expectID(t, m.etc, ids[1])
}

func TestAMachineIDWithoutAFileToMountOn(t *testing.T) {
	m := etcAndRun(t, "", true)
	if err := m.set(ids[0]); err != nil {
		t.Fatal(err)
	}
	expectID(t, m.etc, "")
	expectID(t, m.run, ids[0])
}

func TestAMachineIDThatIsALink(t *testing.T) {
	m := etcAndRun(t, "", false)
	dir := filepath.Dir(m.etc)
	if err := errors.Join(os.Symlink(m.run, m.etc), unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, "")); err != nil {
		t.Fatal(err)
	}
	for _, id := range ids[:2] {
		if err := m.set(id); err != nil {
			t.Fatal(err)
		}
		expectID(t, m.etc, id)
		expectID(t, m.run, id)
	}
}
