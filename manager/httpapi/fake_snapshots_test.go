package httpapi

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hullvm/hull/manager"
	"github.com/hullvm/hull/manager/instance"
)

func testSnapshot() manager.Snapshot {
	return manager.Snapshot{Name: "golden", Created: testTime, Instance: "web", Kernel: "debian", VCPUs: 2, Memory: 512 << 20, Disks: 1, Size: 1 << 20}
}

// onSnapshot is for what is done with a snapshot: the one that there is is "golden".
func (f *fakeEngine) onSnapshot(name, format string, args ...any) error {
	if err := f.did(format+" "+name, args...); err != nil {
		return err
	}
	if name != "golden" {
		return &instance.Error{Kind: instance.KindNotFound, Err: fmt.Errorf("snapshot %q: there is none of this name", name)}
	}
	return nil
}

func (f *fakeEngine) CreateSnapshot(_ context.Context, ref string, o manager.SnapshotOptions) (*manager.Snapshot, error) {
	if err := f.on(ref, "snapshot %q live=%v stop=%v parent=%q track=%v", o.Name, o.Live, o.Stop, o.Parent, o.Track); err != nil {
		return nil, err
	}
	s := testSnapshot()
	return &s, nil
}

func (f *fakeEngine) ListSnapshots(context.Context) ([]manager.Snapshot, error) {
	if err := f.did("snapshots"); err != nil || f.empty {
		return nil, err
	}
	return []manager.Snapshot{testSnapshot(), {Name: "torn", Problem: "it is broken"}}, nil
}

func (f *fakeEngine) InspectSnapshot(_ context.Context, name string) (*manager.SnapshotDetail, error) {
	if err := f.onSnapshot(name, "inspect snapshot"); err != nil {
		return nil, err
	}
	return &manager.SnapshotDetail{Snapshot: testSnapshot(), Dir: "/var/lib/hull/snapshots/golden", Pause: 120 * time.Millisecond, Dependents: []string{"w1"}}, nil
}

func (f *fakeEngine) VerifySnapshot(ctx context.Context, name string, _ func(done, total int64)) error {
	return errors.Join(f.onSnapshot(name, "verify"), f.blocked(ctx))
}

func (f *fakeEngine) RemoveSnapshot(_ context.Context, name string, o manager.RemoveOptions) error {
	return f.onSnapshot(name, "remove snapshot force=%v", o.Force)
}

func restoreText(o manager.RestoreOptions) string {
	return fmt.Sprintf("%q labels=%v verify=%v paused=%v created=%v remove=%v unconfined=%v slow=%v kvm=%q",
		o.Name, o.Labels, o.Verify, o.Paused, o.Created, o.AutoRemove, o.Unconfined, o.SlowKVM, o.KVM)
}

func (f *fakeEngine) Restore(_ context.Context, name string, o manager.RestoreOptions) (*instance.Description, error) {
	if err := f.onSnapshot(name, "restore %s", restoreText(o)); err != nil {
		return nil, err
	}
	d := testDescription()
	return &d, nil
}

func (f *fakeEngine) Clone(_ context.Context, name string, o manager.CloneOptions) ([]*instance.Description, error) {
	err := f.onSnapshot(name, "clone %d %s", o.Count, restoreText(o.RestoreOptions))
	count := o.Count
	if err != nil {
		count = f.cloned
	}
	var list []*instance.Description
	for i := range count {
		d := testDescription()
		d.Name = fmt.Sprintf("w-%d", i+1)
		list = append(list, &d)
	}
	return list, err
}
