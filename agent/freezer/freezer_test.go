package freezer

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/internal/hosttest"
)

// patience bounds what a broken test waits for; stillness is for how long what
// should stand still is watched.
const (
	patience  = 30 * time.Second
	stillness = 100 * time.Millisecond
)

// tree makes a directory of the host's cgroup2, which is to a Freezer what a
// guest's root is.
func tree(t *testing.T) string {
	t.Helper()
	for _, mount := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
		dir := filepath.Join(mount, fmt.Sprintf("hull-freezer-test-%d", os.Getpid()))
		if New(mount).supported() != nil || os.Mkdir(dir, 0o755) != nil {
			continue
		}
		t.Cleanup(func() {
			_ = write(mount, "cgroup.procs", self()) // where a test has moved it
			_ = write(dir, "cgroup.kill", "1")
			end := time.Now().Add(patience)
			for remove(dir) != nil && time.Now().Before(end) {
				time.Sleep(time.Millisecond)
			}
			if exists(dir) {
				t.Errorf("%q cannot be removed", dir)
			}
		})
		return dir
	}
	hosttest.Missing(t, "a cgroup2 in which this user may make groups")
	return ""
}

func remove(dir string) error {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if e.IsDir() {
			_ = remove(filepath.Join(dir, e.Name()))
		}
	}
	return unix.Rmdir(dir)
}

// group makes one below another.
func group(t *testing.T, path ...string) string {
	t.Helper()
	dir := filepath.Join(path...)
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// ticker is a program that writes to a file all the time.
type ticker struct{ file string }

// tick starts a program in a group, and returns when it ticks. The shell that
// starts it is told how.
func tick(t *testing.T, dir, how string) *ticker {
	t.Helper()
	k := &ticker{filepath.Join(t.TempDir(), "ticks")}
	g, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	cmd := exec.Command("sh", "-c", strings.ReplaceAll(how, "TICK", "while :; do echo; sleep 0.002; done >"+k.file))
	cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(g.Fd())}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	k.goesOn(t)
	return k
}

func (k *ticker) ticks() int64 {
	info, err := os.Stat(k.file)
	if err != nil {
		return 0
	}
	return info.Size()
}

func (k *ticker) goesOn(t *testing.T) {
	t.Helper()
	before := k.ticks()
	for end := time.Now().Add(patience); k.ticks() <= before; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s does not grow", k.file)
		}
	}
}

func (k *ticker) standsStill(t *testing.T) {
	t.Helper()
	before := k.ticks()
	time.Sleep(stillness)
	if n := k.ticks() - before; n != 0 {
		t.Errorf("%d ticks while all was frozen", n)
	}
}

func limit(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestAllProcessesStopAndGoOn(t *testing.T) {
	root := tree(t)
	hull := group(t, root, "hull")
	all := map[string]*ticker{
		"main":        tick(t, group(t, hull, "main"), "TICK"),
		"daemon":      tick(t, group(t, hull, "exec"), "setsid sh -c 'TICK' & exit 0"),
		"foreign":     tick(t, group(t, root, "made-by-a-program"), "TICK"),
		"in no group": tick(t, root, "TICK & TICK"),
	}
	f := New(root)
	must(t, f.Thaw(limit(t))) // of what is not frozen
	for range 2 {
		must(t, f.Freeze(limit(t)))
		must(t, f.Freeze(limit(t)))
		for name, k := range all {
			t.Run(name+" frozen", k.standsStill)
		}
		must(t, f.Thaw(limit(t)))
		must(t, f.Thaw(limit(t)))
		for name, k := range all {
			t.Run(name+" thawed", k.goesOn)
		}
	}
}

func TestWhatOthersFrozeStaysFrozen(t *testing.T) {
	root := tree(t)
	paused := group(t, root, "paused")
	k := tick(t, paused, "TICK")
	must(t, write(paused, "cgroup.freeze", "1"))
	must(t, awaitFrozen(limit(t), paused))
	f := New(root)
	must(t, f.Freeze(limit(t)))
	must(t, f.Thaw(limit(t)))
	k.standsStill(t)
}

func TestTheFreezerDoesNotFreezeItself(t *testing.T) {
	root := tree(t)
	mine := group(t, root, "mine")
	must(t, write(mine, "cgroup.procs", self()))
	f := New(root)
	must(t, f.Freeze(limit(t))) // or the test hangs
	pids, err := members(mine)
	if err != nil || len(pids) != 0 {
		t.Errorf("%v are frozen in the group, %v", pids, err)
	}
	must(t, f.Thaw(limit(t)))
}

func TestNothingIsStartedWhileAllIsFrozen(t *testing.T) {
	root := tree(t)
	f := New(root)
	leave, err := f.Enter()
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	err = f.Freeze(ctx)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "1 programs are still being started") {
		t.Fatalf("a program is being started, and to freeze gives %v", err)
	}
	again, err := f.Enter() // for it is not frozen
	must(t, err)
	again()
	leave()

	must(t, f.Freeze(limit(t)))
	if _, err := f.Enter(); !errors.Is(err, unix.EBUSY) {
		t.Errorf("a start while all is frozen: %v", err)
	}
	entered := make(chan struct{})
	go func() {
		f.Await()()
		close(entered)
	}()
	select {
	case <-entered:
		t.Error("one that waits for the thaw was let in before it")
	case <-time.After(stillness):
	}
	must(t, f.Thaw(limit(t)))
	select {
	case <-entered:
	case <-time.After(patience):
		t.Error("one that waits for the thaw was not let in after it")
	}
}

func TestARetiredFreezerOnlyThaws(t *testing.T) {
	root := tree(t)
	k := tick(t, group(t, root, "main"), "TICK")
	f := New(root)
	must(t, f.Freeze(limit(t)))
	must(t, f.Retire())
	k.goesOn(t)
	if err := f.Freeze(limit(t)); err == nil || !strings.Contains(err.Error(), "about to end") {
		t.Errorf("to freeze gives %v", err)
	}
	k.goesOn(t)
}

func TestWhatDoesNotStopIsAnErrorAndAllGoesOn(t *testing.T) {
	root := tree(t)
	k := tick(t, group(t, root, "main"), "TICK")
	f := New(root)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.freeze(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	must(t, f.tell(filepath.Join(root, "main")))
	must(t, f.thaw())
	k.goesOn(t)
}

func TestWithoutCgroup2ItSaysWhatIsMissing(t *testing.T) {
	for _, dir := range []string{t.TempDir(), "/no/such/folder"} {
		f := New(dir)
		err := f.Freeze(limit(t))
		if !errors.Is(err, unix.EOPNOTSUPP) || !strings.Contains(err.Error(), "no cgroup2 is mounted on") {
			t.Errorf("%s: %v", dir, err)
		}
		leave, err := f.Enter()
		must(t, err) // all goes on
		leave()
	}
}

func TestKernelThreadsAreKnown(t *testing.T) {
	if !isProgram(self()) {
		t.Error("this program is taken for the kernel's")
	}
	if isProgram("4194305") { // beyond the largest number of a process
		t.Error("what is not there is taken for a program")
	}
	f, err := os.Open("/proc/2/stat") // kthreadd
	if err != nil {
		hosttest.Missing(t, "%v", err)
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	if s.Scan() && strings.Contains(s.Text(), "(kthreadd)") && isProgram("2") {
		t.Error("kthreadd is taken for a program")
	}
}

// FuzzFiles wants answers to whatever a kernel, or a program by its name, writes.
func FuzzFiles(f *testing.F) {
	f.Add("2 (kthreadd) S 0 0 0 0 -1 2129984 0 0")
	f.Add("9 (a) b) S 1 9 9 0 -1 4194560 0 0")
	f.Add("populated 1\nfrozen 1\n")
	f.Add("1 ()) S 1 1 1 1 1 18446744073709551615")
	f.Fuzz(func(t *testing.T, text string) {
		// A program can choose its name, and no name makes it the kernel's.
		if name, _, _ := strings.Cut(text, "\x00"); parseKernelThread("1 (" + name + ") S 1 1 1 0 -1 4194560 0 0") {
			t.Errorf("%q made a program the kernel's", name)
		}
		parseKernelThread(text)
		if parseFrozen(text) && !strings.Contains(text, "frozen") {
			t.Errorf("%q is frozen", text)
		}
	})
}
