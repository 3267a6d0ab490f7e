package instances

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/disk"
	"github.com/hullvm/hull/manager"
	"github.com/hullvm/hull/manager/instance"
)

func (w *world) snapshot(ref string, o manager.SnapshotOptions) *manager.Snapshot {
	w.t.Helper()
	s, err := w.CreateSnapshot(w.t.Context(), ref, o)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// diskText is a machine file's disk of a new raw image that has a word in it.
func (w *world) diskText() (text, path string) {
	w.t.Helper()
	path = filepath.Join(w.dirs.Guest.Home, "disk.img")
	if err := os.WriteFile(path, append([]byte("before"), make([]byte, 1<<20-6)...), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return "[[disk]]\nname = 'data'\nformat = 'raw'\npath = '" + path + "'\n", path
}

func restored(name string) manager.RestoreOptions {
	return manager.RestoreOptions{Name: name, KVM: kvmDevice()}
}

func TestASnapshotsLife(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	text, path := w.diskText()
	before := w.start("box", text)
	s := w.snapshot("box", manager.SnapshotOptions{Name: "golden"})
	if s.Name != "golden" || s.Instance != "box" || s.VCPUs != 1 || s.Disks != 1 || s.Size == 0 {
		t.Errorf("%+v", s)
	}
	at := w.log("box")
	await(t, "the guest goes on", func() bool { return w.log("box") != at })
	// What the disk has later is not the snapshot's.
	if err := os.WriteFile(path, append([]byte("after!"), make([]byte, 1<<20-6)...), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := w.CreateSnapshot(ctx, "box", manager.SnapshotOptions{Name: "golden"}); instance.KindOf(err) != instance.KindNameTaken {
		t.Errorf("a second one of that name: %v", err)
	}
	if _, err := w.Restore(ctx, "golden", restored("")); instance.KindOf(err) != instance.KindNameTaken {
		t.Errorf("restored while the instance is there: %v", err)
	}
	if err := w.Remove(ctx, "box", manager.RemoveOptions{Force: true}); err != nil {
		t.Fatal(err)
	}
	d, err := w.Restore(ctx, "gol", restored(""))
	if err != nil {
		t.Fatal(err)
	}
	if d.Name != "box" || d.ID == before.ID || d.Snapshot == nil || d.Snapshot.Name != "golden" || d.Snapshot.Clone {
		t.Errorf("%+v", d)
	}
	await(t, "the guest goes on", func() bool { return strings.HasPrefix(w.log("box"), "goes on, saved by ") })
	w.checkOverlay(d, "before")

	clones, err := w.Clone(ctx, "golden", manager.CloneOptions{Count: 3, RestoreOptions: manager.RestoreOptions{Name: "worker", KVM: kvmDevice(), Verify: true}})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range clones {
		names = append(names, c.Name)
		w.checkOverlay(c, "before")
	}
	if !slices.Equal(names, []string{"worker-1", "worker-2", "worker-3"}) {
		t.Errorf("clones %q", names)
	}
	detail, err := w.InspectSnapshot(ctx, "golden")
	if err != nil || !slices.Equal(detail.Dependents, []string{"box", "worker-1", "worker-2", "worker-3"}) || len(detail.DiskFiles) != 1 {
		t.Errorf("%+v, %v", detail, err)
	}
	if err := w.RemoveSnapshot(ctx, "golden", manager.RemoveOptions{}); instance.KindOf(err) != instance.KindWrongState || !strings.Contains(err.Error(), "the disks of 4 instances lie over it (box, worker-1, worker-2, ...)") {
		t.Errorf("removed while it is needed: %v", err)
	}
	// A second start boots: what the disks hold is of another moment.
	if err := w.Stop(ctx, "box", manager.StopOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := w.Start(ctx, "box"); err != nil {
		t.Fatal(err)
	}
	await(t, "the guest boots", func() bool {
		return strings.Count(w.log("box"), "step 0\n") == 2 || strings.HasSuffix(w.log("box"), "step 1\n")
	})
	if n := strings.Count(w.log("box"), "goes on"); n != 1 {
		t.Errorf("it went on %d times", n)
	}
	for _, name := range append(names, "box") {
		if err := w.Remove(ctx, name, manager.RemoveOptions{Force: true}); err != nil {
			t.Error(err)
		}
	}
	if err := w.RemoveSnapshot(ctx, "golden", manager.RemoveOptions{}); err != nil {
		t.Error(err)
	}
	if list, err := w.ListSnapshots(ctx); err != nil || len(list) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
}

// checkOverlay holds that an instance's disk begins with a word.
func (w *world) checkOverlay(d *instance.Description, word string) {
	w.t.Helper()
	config, err := d.Config()
	if err != nil {
		w.t.Fatal(err)
	}
	c := config.Disks[0]
	if c.Format != configs.FormatQCOW2 || !strings.HasPrefix(c.Path, w.dirs.State) {
		w.t.Fatalf("disk %+v", c)
	}
	layers, err := disk.Layers(c.Path, disk.QCOW2, c.Backing)
	if err != nil || len(layers) != 2 {
		w.t.Fatalf("layers %+v, %v", layers, err)
	}
	base, err := os.ReadFile(layers[1].Path)
	if err != nil || !strings.HasPrefix(string(base), word) {
		w.t.Errorf("%s begins with %.10q, %v, want %q", layers[1].Path, base, err, word)
	}
}

func TestASnapshotOfAPausedInstanceLeavesItPaused(t *testing.T) {
	w := newWorld(t)
	w.start("box", "")
	if err := w.Pause(t.Context(), "box"); err != nil {
		t.Fatal(err)
	}
	w.snapshot("box", manager.SnapshotOptions{Name: "held"})
	if st := w.state("box"); st.Status != instance.Paused {
		t.Errorf("it is %s", st.Status)
	}
	if err := w.Unpause(t.Context(), "box"); err != nil {
		t.Error(err)
	}
	// With Stop there is no instance that goes on beside its snapshot.
	at := w.snapshot("box", manager.SnapshotOptions{Stop: true})
	if st := w.state("box"); st.Status != instance.Exited || st.Exit.Reason != instance.Killed {
		t.Errorf("%+v", st)
	}
	if !strings.HasPrefix(at.Name, "box-") {
		t.Errorf("its name is %q", at.Name)
	}
	if _, err := w.CreateSnapshot(t.Context(), "box", manager.SnapshotOptions{}); instance.KindOf(err) != instance.KindWrongState {
		t.Errorf("of one that has ended: %v", err)
	}
	o := restored("again")
	o.Paused = true
	if _, err := w.Restore(t.Context(), "held", o); err != nil {
		t.Fatal(err)
	}
	if st := w.state("again"); st.Status != instance.Paused {
		t.Errorf("restored, it is %s", st.Status)
	}
}

func TestSnapshotsThatAreRefused(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	text, path := w.diskText()
	w.start("box", text+"read_only = true\n")
	w.snapshot("box", manager.SnapshotOptions{Name: "golden"})
	o := restored("other")
	for name, test := range map[string]struct {
		damage func(dir string) error
		kind   instance.Kind
		want   string
	}{
		"a disk that has changed": {func(string) error { return os.Chtimes(path, time.Time{}, time.Now().Add(time.Hour)) }, instance.KindCorrupt, "it has changed since the snapshot"},
		"a disk that is gone":     {func(string) error { return os.Rename(path, path+"x") }, instance.KindFailed, "no such file"},
		"memory that is cut off":  {func(dir string) error { return chop(filepath.Join(dir, "memory")) }, instance.KindCorrupt, `file "memory": it has`},
		"a state that is damaged": {func(dir string) error { return flip(filepath.Join(dir, "state"), 40) }, instance.KindCorrupt, `file "state"`},
		"a manifest of tomorrow": {func(dir string) error {
			return replace(filepath.Join(dir, "manifest.json"), `"format": 1`, `"format": 9`)
		}, instance.KindCorrupt, "its format is 9"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(w.dirs.State, "snapshots", "golden")
			kept := filepath.Join(t.TempDir(), "golden")
			if err := os.CopyFS(kept, os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				_ = os.Rename(path+"x", path)
				if err := os.Chtimes(path, time.Time{}, info.ModTime()); err != nil {
					t.Error(err)
				}
				if err := os.RemoveAll(dir); err != nil {
					t.Error(err)
				}
				if err := os.CopyFS(dir, os.DirFS(kept)); err != nil {
					t.Error(err)
				}
			}()
			if err := test.damage(dir); err != nil {
				t.Fatal(err)
			}
			_, err = w.Restore(ctx, "golden", o)
			if instance.KindOf(err) != test.kind || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v (%s), want %s that has %q", err, instance.KindOf(err), test.kind, test.want)
			}
			if _, err := w.Inspect(ctx, "other"); instance.KindOf(err) != instance.KindNotFound {
				t.Errorf("an instance was made: %v", err)
			}
		})
	}
	for want, err := range map[string]error{
		`snapshot "none"`: second(w.Restore(ctx, "none", o)),
		"count 0":         second(w.Clone(ctx, "golden", manager.CloneOptions{})),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that has %q", err, want)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func chop(path string) error {
	if err := os.Chmod(path, 0o600); err != nil {
		return err
	}
	return os.Truncate(path, 4096)
}

func flip(path string, at int) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	b[at] ^= 1
	return rewrite(path, b)
}

func replace(path, old, with string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return rewrite(path, []byte(strings.Replace(string(b), old, with, 1)))
}

func rewrite(path string, b []byte) error {
	if err := os.Chmod(path, 0o600); err != nil {
		return err
	}
	return os.WriteFile(path, b, 0o600)
}

// An instance can be killed while it is written down, and whoever asked hears of it.
func TestASnapshotThatIsGivenUpLeavesNothing(t *testing.T) {
	w := newWorld(t)
	w.start("box", "")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.CreateSnapshot(ctx, "box", manager.SnapshotOptions{Name: "never"}); err == nil {
		t.Error("it was made")
	}
	at := w.log("box")
	await(t, "the guest goes on", func() bool { return w.log("box") != at })
	left, err := os.ReadDir(filepath.Join(w.dirs.State, "snapshots"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range left {
		if strings.Contains(e.Name(), "never") {
			t.Errorf("%s is left", e.Name())
		}
	}
}
