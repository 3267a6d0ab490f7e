package manager

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/internal/release"
	"github.com/hullvm/hull/manager/events"
	"github.com/hullvm/hull/manager/instance"
	"github.com/hullvm/hull/manager/supervisor"
	"github.com/hullvm/hull/mem"
	"github.com/hullvm/hull/snapshot"
	snapshots "github.com/hullvm/hull/snapshot/store"
)

// CreateSnapshot writes down what an instance is.
func (m *Manager) CreateSnapshot(ctx context.Context, ref string, o SnapshotOptions) (*Snapshot, error) {
	id, err := m.resolve(ref)
	if err != nil {
		return nil, err
	}
	s, err := m.createSnapshot(ctx, id, o)
	return s, failed(ref, "snapshot", err)
}

func (m *Manager) createSnapshot(ctx context.Context, id string, o SnapshotOptions) (_ *Snapshot, err error) {
	d, st, err := m.current(id)
	if err != nil {
		return nil, err
	}
	if st.Status != instance.Running && st.Status != instance.Paused {
		return nil, wrongState("it is %s, and what is written down is a machine that runs or is paused", statusWord(st))
	}
	config, err := d.Config()
	if err != nil {
		return nil, err
	}
	if o.Name == "" {
		o.Name = fmt.Sprintf("%.48s-%s", d.Name, time.Now().UTC().Format("20060102-150405"))
	}
	all, err := snapshots.Open(m.dirs.SnapshotsDir())
	if err != nil {
		return nil, err
	}
	var parent *snapshots.Snapshot
	if o.Parent != "" {
		if parent, err = all.Open(ctx, o.Parent); err != nil {
			return nil, kindedSnapshot(err)
		}
		defer func() { err = errors.Join(err, parent.Close()) }()
	}
	draft, err := all.Create(o.Name, parent)
	if err != nil {
		return nil, kindedSnapshot(err)
	}
	defer func() { err = errors.Join(err, draft.Abort()) }()
	created := time.Now().UTC()
	save := &supervisor.Save{Dir: draft.Dir(), Hold: o.Stop, Live: o.Live}
	if parent != nil {
		save.Over = &supervisor.SnapshotID{Name: parent.Manifest.Name, Created: parent.Manifest.Created}
	}
	if o.Track {
		save.Track = &supervisor.SnapshotID{Name: o.Name, Created: created}
	}
	done := m.followSave(ctx, id, o.Progress)
	reply, err := m.live(ctx, id, supervisor.Request{Op: supervisor.OpSave, Save: save})
	done()
	if err != nil {
		return nil, err
	}
	manifest := describeSnapshot(d, config, created, reply.Saved, draft)
	if err := draft.Commit(manifest, []byte(d.Machine)); err != nil {
		return nil, kindedSnapshot(err)
	}
	m.emit(d, events.Snapshot, map[string]string{"snapshot": o.Name})
	if o.Stop {
		if _, err := m.live(ctx, id, supervisor.Request{Op: supervisor.OpKill}); err != nil {
			return nil, fmt.Errorf("the snapshot is made, but the instance could not be ended: %w", err)
		}
	}
	return summarizeSnapshot(all, o.Name)
}

// describeSnapshot is the manifest, but for what the files say.
func describeSnapshot(d *instance.Description, config *configs.Machine, created time.Time, saved *supervisor.Saved, draft *snapshots.Draft) *snapshot.Manifest {
	s := &snapshot.Manifest{
		Hull: release.Version, Created: created, Kernel: d.Kernel,
		Instance: snapshot.Instance{Name: d.Name, ID: d.ID},
		CPU:      hostCPU(), VCPUs: d.VCPUs, Held: saved.Held, Disks: saved.Disks,
	}
	s.CPU.Guest, s.CPU.TSC = string(config.CPU.Model), uint64(saved.TSCKHz)
	s.Memory = snapshot.Memory{Size: int64(config.Memory.Size), PageSize: mem.PageSize, Backing: string(config.Memory.Backing)}
	if config.Memory.HugePages != 0 {
		s.Memory.PageSize = int64(config.Memory.HugePages)
	}
	for _, r := range mem.Layout(uint64(config.Memory.Size)) {
		s.Memory.Slots = append(s.Memory.Slots, snapshot.Slot{Base: uint64(r.Base), Size: int64(r.Size), Offset: r.Offset})
	}
	for i := range s.Disks {
		if name, inside := strings.CutPrefix(s.Disks[i].Path, draft.Dir()+"/"); inside {
			s.Disks[i].Path = filepath.Join(draft.Final(), name)
		}
	}
	return s
}

// kindedSnapshot gives an error of the snapshots' store its kind.
func kindedSnapshot(err error) error {
	var several *snapshots.AmbiguousError
	kinds := []struct {
		is   error
		kind instance.Kind
	}{
		{snapshots.ErrNotFound, instance.KindNotFound},
		{snapshots.ErrExists, instance.KindNameTaken},
		{snapshots.ErrBroken, instance.KindCorrupt},
		{snapshots.ErrInUse, instance.KindBusy},
		{snapshots.ErrHasChildren, instance.KindWrongState},
		{snapshots.ErrChain, instance.KindInvalid},
		{snapshot.ErrDiskChanged, instance.KindCorrupt},
	}
	if err == nil || instance.KindOf(err) != instance.KindFailed {
		return err
	}
	if errors.As(err, &several) {
		return &instance.Error{Kind: instance.KindAmbiguous, Err: err}
	}
	for _, k := range kinds {
		if errors.Is(err, k.is) {
			return &instance.Error{Kind: k.kind, Err: err}
		}
	}
	return err
}
