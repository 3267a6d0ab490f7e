package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/internal/guesttest"
	"github.com/hullvm/hull/manager/instance"
)

func open(t *testing.T) *Store {
	t.Helper()
	s, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// id makes an id that begins with a prefix.
func id(prefix string) string { return prefix + strings.Repeat("0", 64-len(prefix)) }

func describe(id, name string) *instance.Description {
	return &instance.Description{Version: 1, ID: id, Name: name, Created: time.Unix(1, 0).UTC(), Machine: "name = 'x'\n", Restart: "no"}
}

func create(t *testing.T, s *Store, id, name string) {
	t.Helper()
	if err := s.Create(describe(id, name), nil); err != nil {
		t.Fatal(err)
	}
}

func list(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestWhatWasCreatedIsRead(t *testing.T) {
	s := open(t)
	want := describe(id("a"), "one")
	if err := s.Create(want, nil); err != nil {
		t.Fatal(err)
	}
	got, err := s.Description(want.ID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	st, err := s.Current(want.ID)
	if err != nil || st.Status != instance.Created {
		t.Errorf("state %+v, %v", st, err)
	}
	st.Status, st.Supervisor = instance.Running, 7
	if err := s.PutState(want.ID, st); err != nil {
		t.Fatal(err)
	}
	again, err := s.State(want.ID)
	if diff := cmp.Diff(st, again); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestANameIsOfOne(t *testing.T) {
	s := open(t)
	create(t, s, id("a"), "one")
	err := s.Create(describe(id("b"), "one"), nil)
	if !errors.Is(err, ErrNameTaken) || !strings.Contains(err.Error(), "aaaa"[:1]+"00000000000") {
		t.Errorf("error %v", err)
	}
	if got := list(t, s.instances()); !slices.Equal(got, []string{id("a")}) {
		t.Errorf("left behind: %v", got)
	}
	create(t, s, id("b"), "two")
	d, err := s.Description(id("b"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Rename(d, "one"); !errors.Is(err, ErrNameTaken) || d.Name != "two" {
		t.Errorf("rename to a taken name: %v, now %q", err, d.Name)
	}
	if err := s.Rename(d, "three"); err != nil {
		t.Fatal(err)
	}
	if got := list(t, s.names()); !slices.Equal(got, []string{"one", "three"}) {
		t.Errorf("names: %v", got)
	}
	if err := s.Remove(id("a")); err != nil {
		t.Fatal(err)
	}
	create(t, s, id("c"), "one")
	if got := list(t, s.removing()); len(got) != 0 {
		t.Errorf("still there: %v", got)
	}
}

// Many at once want one name: one gets it.
func TestTakersOfOneName(t *testing.T) {
	s := open(t)
	var wg sync.WaitGroup
	got := make([]error, 8)
	for i := range got {
		wg.Go(func() { got[i] = s.Create(describe(id(fmt.Sprint(i)), "one"), nil) })
	}
	wg.Wait()
	won := 0
	for _, err := range got {
		switch {
		case err == nil:
			won++
		case !errors.Is(err, ErrNameTaken):
			t.Error(err)
		}
	}
	if ids, err := s.IDs(); won != 1 || err != nil || len(ids) != 1 {
		t.Errorf("%d have won, %d are there, %v", won, len(ids), err)
	}
}

// What is left by a process that was killed between two steps is no obstacle.
func TestRemainsOfTheKilled(t *testing.T) {
	s := open(t)
	create(t, s, id("a"), "one")
	for _, err := range []error{
		os.Symlink(id("dead"), s.link("taken")), // Create: before PutDir
		os.Symlink(id("a"), s.link("old")),      // Rename: before the old name went
		os.Mkdir(s.Dir("new-"+id("e")), 0o700),
		os.Chtimes(s.Dir("new-"+id("e")), time.Unix(1, 0), time.Unix(1, 0)),
		os.Mkdir(s.Dir("new-"+id("d")), 0o700),                // Create: before the name
		os.Mkdir(filepath.Join(s.removing(), id("f")), 0o700), // Remove
		os.WriteFile(filepath.Join(s.Dir(id("a")), "state.json.tmp"), []byte("{"), 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Resolve("old"); !errors.Is(err, ErrNotFound) {
		t.Errorf("an old name is one: %v", err)
	}
	if ids, err := s.IDs(); err != nil || !slices.Equal(ids, []string{id("a")}) {
		t.Errorf("ids: %v, %v", ids, err)
	}
	create(t, s, id("b"), "taken")
	create(t, s, id("c"), "old")
	if _, err := Open(s.dir); err != nil {
		t.Fatal(err)
	}
	if got := list(t, s.removing()); len(got) != 0 {
		t.Errorf("still there: %v", got)
	}
	if got, want := list(t, s.names()), []string{"old", "one", "taken"}; !slices.Equal(got, want) {
		t.Errorf("names: %v, want %v", got, want)
	}
	if got, want := list(t, s.instances()), []string{id("a"), id("b"), id("c")}; !slices.Equal(got, want) {
		t.Errorf("instances: %v, want %v", got, want)
	}
}

func TestResolve(t *testing.T) {
	s := open(t)
	create(t, s, id("abc"), "one")
	create(t, s, id("abd"), "abc") // a name that is the beginning of another's id
	create(t, s, id("f"), "two")
	for ref, want := range map[string]string{
		id("abc"): id("abc"), "one": id("abc"), "abc": id("abd"), "abc0": id("abc"), "f": id("f"), "two": id("f"),
	} {
		if got, err := s.Resolve(ref); err != nil || got != want {
			t.Errorf("%s: %s, %v; want %s", ref, got, err, want)
		}
	}
	for _, ref := range []string{"", "x", "abe", id("1"), "../names/one", "ab/..", ".", "..", strings.Repeat("a", 5000)} {
		if got, err := s.Resolve(ref); !errors.Is(err, ErrNotFound) {
			t.Errorf("%q: %s, %v", ref, got, err)
		}
	}
	var several *AmbiguousError
	if _, err := s.Resolve("ab"); !errors.As(err, &several) || len(several.IDs) != 2 {
		t.Errorf("the beginning of two: %v", err)
	}
}

func TestWhatCannotBeReadIsSaidAndCanBeRemoved(t *testing.T) {
	for name, content := range map[string]string{
		"nothing":       "",
		"half":          `{"version": 1, "id`,
		"another's":     `{"version":1,"id":"` + id("b") + `","name":"x","machine":"y"}`,
		"of later":      `{"version":99}`,
		"too much":      strings.Repeat(" ", maxFile+1),
		"not an object": "[]",
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			create(t, s, id("a"), "one")
			if err := os.WriteFile(filepath.Join(s.Dir(id("a")), descriptionFile), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := s.Description(id("a"))
			if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), descriptionFile) {
				t.Errorf("error %v", err)
			}
			if got, err := s.Resolve("one"); err != nil || got != id("a") {
				t.Errorf("it has lost its name: %v, %v", got, err)
			}
			if err := s.Remove(id("a")); err != nil {
				t.Fatal(err)
			}
			create(t, s, id("b"), "one")
		})
	}
}

func TestChangesAreOneAfterTheOther(t *testing.T) {
	s := open(t)
	create(t, s, id("a"), "one")
	unlock, err := s.Lock(t.Context(), id("a"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := s.Lock(ctx, id("a")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("locked twice: %v", err)
	}
	waited := make(chan error, 1)
	go func() {
		_, err := s.Lock(t.Context(), id("a"))
		waited <- err
	}()
	time.Sleep(10 * time.Millisecond)
	if err := s.Remove(id("a")); err != nil {
		t.Fatal(err)
	}
	unlock()
	if err := <-waited; !errors.Is(err, ErrNotFound) {
		t.Errorf("who waited for what was removed got %v", err)
	}
	if _, err := s.Lock(t.Context(), id("a")); !errors.Is(err, ErrNotFound) {
		t.Errorf("a lock of nothing: %v", err)
	}
}

// claimed is the environment variable that makes the test's binary a supervisor.
const claimed = "STORE_TEST_CLAIM"

func TestMain(m *testing.M) {
	if dir := os.Getenv(claimed); dir != "" {
		f, err := (&Store{dir: dir}).Claim(id("a"))
		fmt.Println(err)
		if err == nil {
			time.Sleep(time.Hour) // until it is killed
			f.Close()
		}
		return
	}
	os.Exit(m.Run())
}

func TestALostSupervisorIsNoticed(t *testing.T) {
	s := open(t)
	create(t, s, id("a"), "one")
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), claimed+"="+s.dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := make([]byte, 64)
	if n, err := out.Read(said); err != nil || string(said[:n]) != "<nil>\n" {
		t.Fatalf("claim: %q, %v", said[:n], err)
	}
	running := &instance.State{Version: 1, Status: instance.Running, Supervisor: cmd.Process.Pid, Started: time.Unix(9, 0).UTC()}
	if err := s.PutState(id("a"), running); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Claim(id("a")); !errors.Is(err, ErrAlive) {
		t.Errorf("claimed twice: %v", err)
	}
	if st, err := s.Current(id("a")); err != nil || st.Status != instance.Running {
		t.Errorf("while it lives: %+v, %v", st, err)
	}
	if _, lost, err := s.Settle(id("a")); lost || err != nil {
		t.Errorf("settled while it lives: %v, %v", lost, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	st, err := s.Current(id("a"))
	if err != nil || st.Status != instance.Exited || st.Exit.Reason != instance.Lost || st.Exit.Code != instance.CodeKilled {
		t.Errorf("after its death: %+v, %v", st, err)
	}
	if written, err := s.State(id("a")); err != nil || written.Status != instance.Running {
		t.Errorf("who looks has written: %+v, %v", written, err)
	}
	if _, lost, err := s.Settle(id("a")); !lost || err != nil {
		t.Errorf("settled: %v, %v", lost, err)
	}
	if written, err := s.State(id("a")); err != nil || written.Status != instance.Exited || written.Supervisor != 0 {
		t.Errorf("not written: %+v, %v", written, err)
	}
	f, err := s.Claim(id("a"))
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
}

// FuzzState holds that no file makes State fail otherwise than with an error.
func FuzzState(f *testing.F) {
	f.Add([]byte(`{"version":1,"status":"exited","exit":{"code":3,"reason":"power-off"}}`))
	f.Add([]byte(`{"version":1,"status":"running","started":"2026-01-01T00:00:00Z"}`))
	s, err := Open(f.TempDir())
	if err != nil {
		f.Fatal(err)
	}
	if err := s.Create(describe(id("a"), "one"), nil); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		if err := os.WriteFile(filepath.Join(s.Dir(id("a")), stateFile), content, 0o600); err != nil {
			t.Fatal(err)
		}
		st, err := s.Current(id("a"))
		if err != nil && !errors.Is(err, ErrCorrupt) {
			t.Fatal(err)
		}
		if err == nil && st.Status.Live() {
			t.Fatal("live, and without a supervisor")
		}
	})
}

// TestASupervisorThatCannotBeLookedForIsNotLost runs out of descriptors, as a busy
// server does: an instance that lives must not be taken for lost, for what is left
// of a lost one is ended.
func TestASupervisorThatCannotBeLookedForIsNotLost(t *testing.T) {
	s := open(t)
	create(t, s, id("a"), "box")
	if err := s.PutState(id("a"), &instance.State{Version: 1, Status: instance.Running}); err != nil {
		t.Fatal(err)
	}
	claim, err := s.Claim(id("a"))
	if err != nil {
		t.Fatal(err)
	}
	defer claim.Close()
	var have unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &have); err != nil {
		t.Fatal(err)
	}
	probe, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	lowest := uint64(probe.Fd())
	probe.Close()
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: lowest, Max: have.Max}); err != nil {
		t.Fatal(err)
	}
	alive, err := s.Alive(id("a"))
	if e := unix.Setrlimit(unix.RLIMIT_NOFILE, &have); e != nil {
		t.Fatal(e)
	}
	if !errors.Is(err, unix.EMFILE) {
		t.Errorf("alive: %v, %v", alive, err)
	}
}

// TestALiveInstanceOnADiskThatCannotBeWritten looks at an instance whose disk went
// read-only.
func TestALiveInstanceOnADiskThatCannotBeWritten(t *testing.T) {
	s := open(t)
	create(t, s, id("a"), "box")
	if err := s.PutState(id("a"), &instance.State{Version: 1, Status: instance.Running}); err != nil {
		t.Fatal(err)
	}
	claim, err := s.Claim(id("a"))
	if err != nil {
		t.Fatal(err)
	}
	defer claim.Close()
	// Nobody who is not root may write to this one, and root has a mount for it.
	if err := os.Chmod(filepath.Join(s.Dir(id("a")), aliveFile), 0o400); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		readOnly(t, s.dir)
	}
	if st, err := s.Current(id("a")); err != nil || st.Status != instance.Running {
		t.Errorf("%+v, %v", st, err)
	}
}

// readOnly has the rest of a test see a folder that cannot be written.
func readOnly(t *testing.T, dir string) {
	t.Helper()
	if err := unix.Mount(dir, dir, "", unix.MS_BIND, ""); err != nil {
		guesttest.Missing(t, "the right to mount")
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	if err := unix.Mount("", dir, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
}

// TestOpenDoesNotWaitForOneWhoIsStopped opens a store in which a process was stopped
// while it made an instance, as by a terminal's Ctrl-Z.
func TestOpenDoesNotWaitForOneWhoIsStopped(t *testing.T) {
	s := open(t)
	made := s.Dir(newPrefix + id("a"))
	if err := os.Mkdir(made, 0o700); err != nil {
		t.Fatal(err)
	}
	unlock, err := s.lockNames()
	if err != nil {
		t.Fatal(err)
	}
	opened := make(chan error, 1)
	go func() {
		_, err := Open(s.dir)
		opened <- err
	}()
	select {
	case err = <-opened:
	case <-time.After(10 * time.Second):
		err = errors.New("it waits")
	}
	if _, e := os.Stat(made); e != nil {
		t.Errorf("what is being made: %v", e)
	}
	unlock()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(s.dir); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(made); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what nobody makes any more: %v", err)
	}
}

// TestARenameThatWasCutOffLeavesNoName removes an instance that has, beside its name,
// a link of a rename that did not come to its end.
func TestARenameThatWasCutOffLeavesNoName(t *testing.T) {
	s := open(t)
	create(t, s, id("a"), "one")
	d, err := s.Description(id("a"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Rename(d, "two"); err != nil {
		t.Fatal(err)
	}
	if fileExists(filepath.Join(s.Dir(id("a")), renamingFile)) {
		t.Error("a rename that is done is marked")
	}
	// The description cannot be replaced: what a kill would leave is left.
	saved := filepath.Join(s.Dir(id("a")), descriptionFile)
	b, err := os.ReadFile(saved)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Remove(saved), os.MkdirAll(filepath.Join(saved, "x"), 0o700)); err != nil {
		t.Fatal(err)
	}
	if err := s.Rename(d, "three"); err == nil || d.Name != "two" {
		t.Fatalf("%v, %q", err, d.Name)
	}
	if err := errors.Join(os.RemoveAll(saved), os.WriteFile(saved, b, 0o600), os.Symlink(id("a"), s.link("three"))); err != nil {
		t.Fatal(err)
	}
	if err := s.Remove(id("a")); err != nil {
		t.Fatal(err)
	}
	if got := list(t, s.names()); len(got) != 0 {
		t.Errorf("names: %v", got)
	}
}
