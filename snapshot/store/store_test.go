package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hullvm/hull/mem"
	"github.com/hullvm/hull/snapshot"
	"github.com/hullvm/hull/snapshot/memfile"
	"github.com/hullvm/hull/vmstate"
)

const memorySize = 4 << 20

func newStore(t testing.TB) *Store {
	t.Helper()
	s, err := Open(filepath.Join(t.TempDir(), "snapshots"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func manifest() *snapshot.Manifest {
	return &snapshot.Manifest{
		Hull: "v0.1.0", Created: time.Unix(1_700_000_000, 0).UTC(),
		Instance: snapshot.Instance{Name: "web", ID: strings.Repeat("0a", 32)},
		Memory: snapshot.Memory{
			Size: memorySize, PageSize: 4096, Backing: snapshot.BackingAnonymous,
			Slots: []snapshot.Slot{{Size: memorySize}},
		},
		CPU: snapshot.CPU{Vendor: "AuthenticAMD", Family: 25, Guest: "host", TSC: 1}, VCPUs: 1,
	}
}

var machineText = []byte("[memory]\nsize = \"4M\"\n")

// fill writes into a draft what a monitor would, of memory that has one page of b.
func fill(d *Draft, b byte) error {
	state := vmstate.New()
	if err := errors.Join(state.Out("cpu").Put(1, "state"), state.Write(d.State)); err != nil {
		return err
	}
	g, err := mem.New(mem.Options{Size: memorySize})
	if err != nil {
		return err
	}
	defer g.Close()
	if err := g.WriteAt(bytes.Repeat([]byte{b}, 4096), 1<<20); err != nil {
		return err
	}
	pages, err := memfile.NewPageSet(memorySize)
	if err == nil {
		err = pages.Add(memfile.Extent{Offset: 1 << 20, Size: 4096})
	}
	if err != nil {
		return err
	}
	var r *memfile.Result
	if d.Map != nil {
		r, err = memfile.WriteRuns(context.Background(), d.Memory, g, pages, memfile.Options{})
		err = errors.Join(err, pages.Encode(d.Map))
	} else {
		r, err = memfile.Write(context.Background(), d.Memory, g, memfile.Options{})
	}
	if err != nil {
		return err
	}
	return r.Sums.Encode(d.Sums)
}

// take takes a snapshot, over parent if that is not nil.
func take(s *Store, name string, parent *Snapshot) error {
	d, err := s.Create(name, parent)
	if err != nil {
		return err
	}
	if err := fill(d, 7); err != nil {
		return errors.Join(err, d.Abort())
	}
	return d.Commit(manifest(), machineText)
}

func taken(t testing.TB, s *Store, name string, parent *Snapshot) {
	t.Helper()
	if err := take(s, name, parent); err != nil {
		t.Fatal(err)
	}
}

func opened(t testing.TB, s *Store, ref string) *Snapshot {
	t.Helper()
	o, err := s.Open(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func closed(t testing.TB, c io.Closer) {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// wantNames wants the directory to have these snapshots, and nothing else.
func wantNames(t testing.TB, s *Store, names ...string) {
	t.Helper()
	all, err := os.ReadDir(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	got := []string{}
	for _, e := range all {
		if e.Name() != storeLock {
			got = append(got, e.Name())
		}
	}
	if diff := cmp.Diff(append([]string{}, names...), got); diff != "" {
		t.Errorf("the folder has other names:\n%s", diff)
	}
}

func TestASnapshotIsFoundAsItWasTaken(t *testing.T) {
	s := newStore(t)
	taken(t, s, "first", nil)
	wantNames(t, s, "first")
	o := opened(t, s, "fi")
	defer closed(t, o)
	if o.Manifest.Name != "first" || !bytes.Equal(o.Machine, machineText) || o.Pages != nil {
		t.Errorf("snapshot %+v", o.Manifest)
	}
	if _, err := vmstate.Read(o.State); err != nil {
		t.Error(err)
	}
	page := make([]byte, 4096)
	if _, err := o.Memory.ReadAt(page, 1<<20); err != nil || !bytes.Equal(page, bytes.Repeat([]byte{7}, 4096)) {
		t.Errorf("memory %x..., %v", page[:4], err)
	}
	if _, err := o.Memory.WriteAt(page, 0); err == nil {
		t.Error("the memory is open for writing")
	}
	var done int64
	if err := s.Verify(t.Context(), "first", func(n, _ int64) { done = n }); err != nil || done != memorySize {
		t.Errorf("verified %d bytes: %v", done, err)
	}
	// A machine's memory begins as the file, which can be removed meanwhile.
	g, err := mem.New(mem.Options{Size: memorySize, Image: o.Memory})
	if err != nil {
		t.Fatal(err)
	}
	defer closed(t, g)
	if err := s.Remove("first"); !errors.Is(err, ErrInUse) {
		t.Errorf("removed while it is open: %v", err)
	}
	if err := o.lock.Release(); err != nil {
		t.Fatal(err)
	}
	if err := s.Remove("first"); err != nil {
		t.Fatal(err)
	}
	wantNames(t, s)
	if b, err := g.Uint8(1 << 20); b != 7 || err != nil {
		t.Errorf("memory of a snapshot that was removed: %d, %v", b, err)
	}
	if o.lock, err = s.share(t.Context(), "first"); !errors.Is(err, ErrNotFound) {
		t.Errorf("locked after it was removed: %v", err)
	}
	taken(t, s, "other", nil)
	o.lock, err = s.share(t.Context(), "other")
	if err != nil {
		t.Fatal(err)
	}
}

func TestAnIncrementalSnapshot(t *testing.T) {
	s := newStore(t)
	taken(t, s, "base", nil)
	base := opened(t, s, "base")
	d, err := s.Create("child", base)
	if err != nil {
		t.Fatal(err)
	}
	if err := fill(d, 9); err != nil {
		t.Fatal(err)
	}
	m := manifest()
	m.Memory.Slots = []snapshot.Slot{{Base: 4096, Size: memorySize}}
	if err := d.Commit(m, machineText); err == nil || !strings.Contains(err.Error(), "not laid out as") {
		t.Errorf("of another memory: %v", err)
	}
	wantNames(t, s, "base")
	taken(t, s, "child", base)
	closed(t, base)
	if err := s.Verify(t.Context(), "child", nil); err != nil {
		t.Error(err)
	}
	o := opened(t, s, "child")
	if o.Pages.Bytes() != 4096 || !o.Pages.Has(1<<20) {
		t.Errorf("it has %d bytes of pages", o.Pages.Bytes())
	}
	p, err := s.OpenParent(t.Context(), o)
	if err != nil || p.Manifest.Name != "base" {
		t.Fatalf("parent %v, %v", p, err)
	}
	if _, err := s.OpenParent(t.Context(), p); err == nil {
		t.Error("the base has a parent")
	}
	closed(t, p)
	if err := s.Remove("base"); !errors.Is(err, ErrHasChildren) || !strings.Contains(err.Error(), `"child"`) {
		t.Errorf("removed below another: %v", err)
	}
	// Another one in its place is none, and none is none either.
	if err := os.RemoveAll(s.path("base")); err != nil {
		t.Fatal(err)
	}
	if err := s.Verify(t.Context(), "child", nil); !errors.Is(err, ErrBroken) || !errors.Is(err, ErrNotFound) {
		t.Errorf("without what it lies over: %v", err)
	}
	if list, err := s.List(); err != nil || len(list) != 1 || !errors.Is(list[0].Broken, ErrNotFound) {
		t.Errorf("list %+v, %v", list, err)
	}
	other, err := s.Create("base", nil)
	if err != nil {
		t.Fatal(err)
	}
	m = manifest()
	m.Hull = "v0.2.0"
	if err := errors.Join(fill(other, 8), other.Commit(m, machineText)); err != nil {
		t.Fatal(err)
	}
	if err := s.Verify(t.Context(), "child", nil); !errors.Is(err, ErrBroken) || !strings.Contains(err.Error(), "another one of that name") {
		t.Errorf("over another: %v", err)
	}
	closed(t, o)
	if err := errors.Join(s.Remove("child"), s.Remove("base")); err != nil {
		t.Error(err)
	}
	wantNames(t, s)
}

func TestNamesAreResolved(t *testing.T) {
	s := newStore(t)
	for _, name := range []string{"a1", "a2", "a3", "a4", "a10", "b"} {
		if err := os.Mkdir(s.path(name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for ref, want := range map[string]string{
		"a1": "a1", "a10": "a10", "b": "b", "a2": "a2",
		"a":     `snapshot "a": 5 snapshots have names that begin so (a1, a10, a2, ...); write more of the name`,
		"c":     `snapshot "c": no such snapshot`,
		"../a1": `snapshot: name "../a1": it may have letters, digits, '.', '_' and '-' only: no such snapshot`,
	} {
		got, err := s.Resolve(ref)
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q is %s, want %s", ref, got, want)
		}
	}
}

func TestOneNameOneSnapshot(t *testing.T) {
	s := newStore(t)
	first, err := s.Create("x", nil)
	if err != nil {
		t.Fatal(err)
	}
	second, err := s.Create("x", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(fill(first, 1), fill(second, 2)); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(s.dir); err != nil { // what is being taken is nobody's leftover
		t.Fatal(err)
	}
	if err := second.Commit(manifest(), machineText); err != nil {
		t.Fatal(err)
	}
	if err := first.Commit(manifest(), machineText); !errors.Is(err, ErrExists) {
		t.Errorf("the second of a name: %v", err)
	}
	if err := errors.Join(first.Abort(), second.Abort()); err != nil {
		t.Error(err)
	}
	if err := second.Commit(manifest(), machineText); err == nil {
		t.Error("a draft is committed twice")
	}
	if _, err := s.Create("x", nil); !errors.Is(err, ErrExists) {
		t.Errorf("a third: %v", err)
	}
	if _, err := s.Create("../x", nil); err == nil {
		t.Error("a snapshot outside of the store")
	}
	wantNames(t, s, "x")
	if err := s.Verify(t.Context(), "x", nil); err != nil {
		t.Error(err)
	}
}

func TestWhatCannotBeCommitted(t *testing.T) {
	for want, change := range map[string]func(d *Draft, m *snapshot.Manifest) error{
		`file "memory": it has 0 bytes`:     func(d *Draft, _ *snapshot.Manifest) error { return d.Memory.Truncate(0) },
		"memory checksums: read: it is cut": func(d *Draft, _ *snapshot.Manifest) error { return d.Sums.Truncate(8) },
		"the most is 1152":                  func(d *Draft, _ *snapshot.Manifest) error { return d.Sums.Truncate(1 << 40) },
		"the most is 67108864":              func(d *Draft, _ *snapshot.Manifest) error { return d.State.Truncate(1 << 40) },
		"state: size of 0":                  func(d *Draft, _ *snapshot.Manifest) error { return d.State.Truncate(0) },
		"manifest: write: cpu: vendor":      func(_ *Draft, m *snapshot.Manifest) error { m.CPU.Vendor = ""; return nil },
		"file already closed":               func(d *Draft, _ *snapshot.Manifest) error { return d.Sums.Close() },
	} {
		s := newStore(t)
		d, err := s.Create("x", nil)
		if err != nil {
			t.Fatal(err)
		}
		m := manifest()
		if err := errors.Join(fill(d, 1), change(d, m)); err != nil {
			t.Fatal(err)
		}
		if err := d.Commit(m, machineText); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that has %q", err, want)
		}
		wantNames(t, s)
	}
}

func TestBrokenSnapshotsAreSaidToBe(t *testing.T) {
	for name, test := range map[string]struct {
		change func(path string) error
		list   bool // is seen without reading it
		open   string
		verify string
	}{
		"no manifest":     {func(p string) error { return os.Remove(filepath.Join(p, "manifest.json")) }, true, `file "manifest.json": no such file`, ""},
		"a manifest":      {func(p string) error { return overwrite(p, "manifest.json", "{}") }, true, "its format is 0", ""},
		"a renamed one":   {func(p string) error { return replaceIn(p, "manifest.json", `"name": "x"`, `"name": "y"`) }, true, `it was taken as "y"`, ""},
		"a size":          {func(p string) error { return replaceIn(p, "manifest.json", `"size": 21`, `"size": 20`) }, true, "other sizes", ""},
		"the description": {func(p string) error { return replaceIn(p, "machine.toml", "4M", "8M") }, false, `file "machine.toml": it is not the one`, ""},
		"the state":       {func(p string) error { return replaceIn(p, "state", "HULL", "hull") }, false, `file "state": it is not the one`, ""},
		"no state":        {func(p string) error { return os.Remove(filepath.Join(p, "state")) }, true, `file "state": no such file`, ""},
		"a short memory":  {func(p string) error { return os.Truncate(filepath.Join(p, "memory"), 4096) }, true, `file "memory": it has 4096 bytes, and not 4194304`, ""},
		"a folder": {func(p string) error {
			return errors.Join(os.Remove(filepath.Join(p, "memory")), os.Mkdir(filepath.Join(p, "memory"), 0o700))
		}, true, "no regular file", ""},
		"a link": {func(p string) error {
			return errors.Join(os.Remove(filepath.Join(p, "state")), os.Symlink("machine.toml", filepath.Join(p, "state")))
		}, true, `file "state": too many levels`, ""},
		"the checksums": {func(p string) error { return replaceIn(p, "memory.sums", "HULL", "hull") }, false, `file "memory.sums": it is not the one`, ""},
		"the memory":    {func(p string) error { return replaceIn(p, "memory", "\x07", "\x08") }, false, "", "1048576 bytes at offset 1048576"},
		"a working set": {func(p string) error { return overwrite(p, "memory.order", "HULLWORK") }, false, "", "working set: read"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t)
			taken(t, s, "x", nil)
			if err := test.change(s.path("x")); err != nil {
				t.Fatal(err)
			}
			list, err := s.List()
			if err != nil || len(list) != 1 || errors.Is(list[0].Broken, ErrBroken) != test.list {
				t.Errorf("list %+v, %v", list, err)
			}
			want := test.open + test.verify
			err = s.Verify(t.Context(), "x", nil)
			if !errors.Is(err, ErrBroken) || !strings.Contains(err.Error(), want) {
				t.Errorf("verify: %v, want an error that has %q", err, want)
			}
			o, err := s.Open(t.Context(), "x")
			if test.open == "" && err == nil {
				closed(t, o)
			} else if !errors.Is(err, ErrBroken) || !strings.Contains(err.Error(), test.open) {
				t.Errorf("open: %v, want an error that has %q", err, test.open)
			}
			if err := s.Remove("x"); err != nil {
				t.Error(err)
			}
			wantNames(t, s)
		})
	}
}

func overwrite(dir, name, text string) error {
	path := filepath.Join(dir, name)
	return errors.Join(os.RemoveAll(path), os.WriteFile(path, []byte(text), 0o600))
}

func replaceIn(dir, name, old, by string) error {
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err == nil && !bytes.Contains(b, []byte(old)) {
		err = fmt.Errorf("there is no %q in %s", old, b)
	}
	if err != nil {
		return err
	}
	return overwrite(dir, name, strings.Replace(string(b), old, by, 1))
}

func TestListsAndSizes(t *testing.T) {
	s := newStore(t)
	taken(t, s, "b", nil)
	taken(t, s, "a", nil)
	list, err := s.List()
	if err != nil || len(list) != 2 || list[0].Name != "a" || list[1].Manifest.Name != "b" || list[0].Broken != nil {
		t.Fatalf("list %+v, %v", list, err)
	}
	if z := list[0].Size; z.Apparent < memorySize || z.Apparent > memorySize+1<<14 || z.Allocated < 4096 || z.Allocated > 1<<19 {
		t.Errorf("size %+v", z)
	}
	if _, err := s.Size("c"); !errors.Is(err, ErrNotFound) {
		t.Errorf("size of none: %v", err)
	}
	for _, name := range []string{"c", "..", ".lock"} {
		if err := s.Remove(name); !errors.Is(err, ErrNotFound) {
			t.Errorf("remove %q: %v", name, err)
		}
	}
}

func TestAWorkingSetIsKept(t *testing.T) {
	s := newStore(t)
	taken(t, s, "x", nil)
	o := opened(t, s, "x")
	defer closed(t, o)
	if set, err := o.WorkingSet(); set != nil || err != nil {
		t.Errorf("%+v, %v", set, err)
	}
	for _, e := range []memfile.Extent{{Offset: 0, Size: 4096}, {Offset: 8192, Size: 4096}} {
		want := &memfile.WorkingSet{Size: memorySize, Extents: []memfile.Extent{e}}
		if err := o.PutWorkingSet(want); err != nil {
			t.Fatal(err)
		}
		if set, err := o.WorkingSet(); err != nil || !cmp.Equal(set, want) {
			t.Errorf("%+v, %v", set, err)
		}
	}
	if err := o.PutWorkingSet(&memfile.WorkingSet{Size: 4096}); err == nil {
		t.Error("that of another memory is kept")
	}
	if err := s.Verify(t.Context(), "x", nil); err != nil {
		t.Error(err)
	}
}

// Only so many snapshots lie over each other, and all of them are opened and verified.
func TestAChainOfSnapshots(t *testing.T) {
	s := newStore(t)
	taken(t, s, "s01", nil)
	for i := 2; i <= MaxChain; i++ {
		parent := opened(t, s, fmt.Sprintf("s%02d", i-1))
		taken(t, s, fmt.Sprintf("s%02d", i), parent)
		closed(t, parent)
	}
	top := opened(t, s, fmt.Sprintf("s%02d", MaxChain))
	if _, err := s.Create("more", top); !errors.Is(err, ErrChain) {
		t.Errorf("one more: %v", err)
	}
	below, err := s.Below(t.Context(), top)
	if err != nil || len(below) != MaxChain-1 || below[0].Manifest.Name != fmt.Sprintf("s%02d", MaxChain-1) || below[MaxChain-2].Pages != nil {
		t.Fatalf("%d below it, %v", len(below), err)
	}
	if err := CloseAll(below); err != nil {
		t.Error(err)
	}
	name := top.Manifest.Name
	closed(t, top)
	if err := s.Verify(t.Context(), name, nil); err != nil {
		t.Error(err)
	}
	f := s.path("s03", snapshot.MemoryFile)
	if err := os.Chmod(f, 0o600); err != nil {
		t.Fatal(err)
	}
	w, err := os.OpenFile(f, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.WriteAt([]byte("damage"), 77); err != nil {
		t.Fatal(err)
	}
	closed(t, w)
	if err := s.Verify(t.Context(), name, nil); !errors.Is(err, ErrBroken) || !strings.Contains(err.Error(), `"s03"`) {
		t.Errorf("over one that is damaged: %v", err)
	}
}
