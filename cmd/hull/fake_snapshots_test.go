package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hullvm/hull/manager"
	"github.com/hullvm/hull/manager/instance"
)

// fakeSnapshots are snapshots that are nowhere, for a fakeEngine.
type fakeSnapshots struct {
	snapshots []manager.Snapshot
	machine   string // of each

	progress [][2]int64 // what Progress is told
	clones   int        // how many are made before the failure; all without one

	made manager.RestoreOptions // as Restore or Clone was asked last
}

func noSnapshot(name string) error {
	return &instance.Error{Kind: instance.KindNotFound, Err: fmt.Errorf("snapshot %q: there is none of this name", name)}
}

func nameTaken(what, name string) error {
	return &instance.Error{Kind: instance.KindNameTaken, Err: fmt.Errorf("%s %q: another has the name", what, name)}
}

func (f *fakeEngine) findSnapshot(name string) (*manager.Snapshot, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.snapshots {
		if f.snapshots[i].Name == name {
			return &f.snapshots[i], nil
		}
	}
	return nil, noSnapshot(name)
}

func (f *fakeEngine) report(progress func(done, total int64)) {
	for _, p := range f.progress {
		if progress != nil {
			progress(p[0], p[1])
		}
	}
}

func (f *fakeEngine) CreateSnapshot(_ context.Context, ref string, o manager.SnapshotOptions) (*manager.Snapshot, error) {
	f.report(o.Progress)
	more := ""
	if o.Parent != "" || o.Track {
		more = fmt.Sprintf(" parent=%q track=%v", o.Parent, o.Track)
	}
	if err := f.simple(ref, "snapshot %s %q live=%v stop=%v%s", ref, o.Name, o.Live, o.Stop, more); err != nil {
		return nil, err
	}
	s := manager.Snapshot{Name: o.Name}
	if s.Name == "" {
		s.Name = "web-2026-01-02-120000"
	}
	return &s, nil
}

func (f *fakeEngine) ListSnapshots(context.Context) ([]manager.Snapshot, error) {
	return slices.Clone(f.snapshots), f.note("list-snapshots")
}

func (f *fakeEngine) InspectSnapshot(_ context.Context, name string) (*manager.SnapshotDetail, error) {
	if err := f.note("inspect-snapshot %s", name); err != nil {
		return nil, err
	}
	s, err := f.findSnapshot(name)
	if err != nil {
		return nil, err
	}
	return &manager.SnapshotDetail{
		Snapshot: *s, Dir: "/var/lib/hull/snapshots/" + name, Hull: "1.0.0", InstanceID: someID("1"), Machine: f.machine,
		MemoryFile: 42 << 20, Pause: 120 * time.Millisecond, DiskFiles: []manager.SnapshotDisk{}, Dependents: []string{"w1", "w2"},
		StateParts: []string{"vcpu/0"}, Processor: "AMD EPYC",
	}, nil
}

func (f *fakeEngine) VerifySnapshot(_ context.Context, name string, progress func(done, total int64)) error {
	f.report(progress)
	if err := f.note("verify %s", name); err != nil {
		return err
	}
	_, err := f.findSnapshot(name)
	return err
}

func (f *fakeEngine) RemoveSnapshot(_ context.Context, name string, o manager.RemoveOptions) error {
	if err := f.note("remove-snapshot %s force=%v", name, o.Force); err != nil {
		return err
	}
	_, err := f.findSnapshot(name)
	return err
}

func (f *fakeEngine) restoring(verb, name, more string, o manager.RestoreOptions) error {
	f.made = o
	err := f.note("%s %s name=%q%s labels=%v verify=%v paused=%v rm=%v", verb, name, o.Name, more, labelText(o.Labels), o.Verify, o.Paused, o.AutoRemove)
	if err == nil {
		_, err = f.findSnapshot(name)
	}
	return err
}

func labelText(labels map[string]string) string {
	var words []string
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		words = append(words, key+"="+labels[key])
	}
	return strings.Join(words, ",")
}

func (f *fakeEngine) Restore(_ context.Context, name string, o manager.RestoreOptions) (*instance.Description, error) {
	if err := f.restoring("restore", name, "", o); err != nil {
		return nil, err
	}
	return &instance.Description{ID: someID("1"), Name: "web", AutoRemove: o.AutoRemove}, nil
}

func (f *fakeEngine) Clone(_ context.Context, name string, o manager.CloneOptions) ([]*instance.Description, error) {
	err := f.restoring("clone", name, fmt.Sprintf(" count=%d", o.Count), o.RestoreOptions)
	count := o.Count
	if err != nil {
		count = f.clones
	}
	var list []*instance.Description
	for i := range count {
		list = append(list, &instance.Description{ID: someID(fmt.Sprint(i + 1)), Name: fmt.Sprintf("w%d", i+1), AutoRemove: o.AutoRemove})
	}
	return list, err
}

// someSnapshots are one of each sort.
func someSnapshots() []manager.Snapshot {
	return []manager.Snapshot{
		{Name: "golden", Created: before(3 * time.Minute), Instance: "web", Kernel: "debian-cloud", VCPUs: 2, Memory: 512 << 20, Disks: 1, Size: 345_678_901},
		{
			Name: "torn", Created: before(2 * time.Hour), Instance: "db", Kernel: "/srv/kernels/linux-of-a-very-long-name/vmlinuz", VCPUs: 1, Memory: 128 << 20, Size: 1_200_000,
			Problem: "memory: block 17: its checksum is 0123456789abcdef, and should be fedcba9876543210",
		},
		{Name: "odd", Problem: "description: unexpected end of JSON input\x1b[2J"},
	}
}
