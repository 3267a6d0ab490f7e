package manager

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/manager/instance"
	"github.com/hullvm/hull/snapshot"
	snapshots "github.com/hullvm/hull/snapshot/store"
	"github.com/hullvm/hull/vmstate"
)

func (m *Manager) snapshots() (*snapshots.Store, error) { return snapshots.Open(m.dirs.SnapshotsDir()) }

// ListSnapshots returns all snapshots.
func (m *Manager) ListSnapshots(context.Context) ([]Snapshot, error) {
	all, err := m.snapshots()
	if err != nil {
		return nil, err
	}
	entries, err := all.List()
	if err != nil {
		return nil, err
	}
	list := make([]Snapshot, 0, len(entries))
	for i := range entries {
		list = append(list, summarize(&entries[i]))
	}
	slices.SortStableFunc(list, func(a, b Snapshot) int { return b.Created.Compare(a.Created) })
	return list, nil
}

// summarize is an entry as a list shows it.
func summarize(e *snapshots.Entry) Snapshot {
	s := Snapshot{Name: e.Name, Size: e.Size.Allocated}
	if e.Broken != nil {
		s.Problem = e.Broken.Error()
	}
	if e.Manifest == nil {
		return s
	}
	s.Created, s.Instance, s.Kernel = e.Manifest.Created, e.Manifest.Instance.Name, e.Manifest.Kernel
	if e.Manifest.Parent != nil {
		s.Parent = e.Manifest.Parent.Name
	}
	s.Memory = uint64(e.Manifest.Memory.Size)
	for _, d := range e.Manifest.Disks {
		if d.Role == snapshot.RoleDisk {
			s.Disks++
		}
	}
	s.VCPUs = e.Manifest.VCPUs
	return s
}

// summarizeSnapshot is one snapshot as a list shows it.
func summarizeSnapshot(all *snapshots.Store, name string) (*Snapshot, error) {
	entries, err := all.List()
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(entries, func(e snapshots.Entry) bool { return e.Name == name })
	if i < 0 {
		return nil, &instance.Error{Kind: instance.KindGone, Err: fmt.Errorf("snapshot %q: somebody has removed it", name)}
	}
	s := summarize(&entries[i])
	return &s, nil
}

// InspectSnapshot returns all that is known of a snapshot.
func (m *Manager) InspectSnapshot(ctx context.Context, name string) (_ *SnapshotDetail, err error) {
	all, err := m.snapshots()
	if err != nil {
		return nil, err
	}
	open, err := all.Open(ctx, name)
	if err != nil {
		return nil, kindedSnapshot(err)
	}
	defer func() { err = errors.Join(err, open.Close()) }()
	summary, err := summarizeSnapshot(all, open.Manifest.Name)
	if err != nil {
		return nil, err
	}
	d := &SnapshotDetail{
		Snapshot: *summary, Dir: open.Dir(), Hull: open.Manifest.Hull, InstanceID: open.Manifest.Instance.ID,
		Machine: string(open.Machine), DiskFiles: []SnapshotDisk{}, Dependents: []string{}, Pause: open.Manifest.Held,
		Processor: open.Manifest.CPU.Name,
	}
	state, err := vmstate.Read(open.State)
	if err != nil {
		return nil, kindedSnapshot(fmt.Errorf("snapshot %q: %w: %w", name, snapshots.ErrBroken, err))
	}
	d.StateParts = state.Names()
	if d.MemoryFile, err = allocated(open.Memory); err != nil {
		return nil, err
	}
	for _, disk := range open.Manifest.Disks {
		if disk.Role != snapshot.RoleDisk {
			continue
		}
		size := disk.File.Size
		if f, err := os.Open(disk.Path); err == nil {
			size, _ = allocated(f)
			_ = f.Close()
		}
		d.DiskFiles = append(d.DiskFiles, SnapshotDisk{Name: disk.Name, Format: disk.Format, Path: disk.Path, ReadOnly: disk.ReadOnly, Size: size})
	}
	d.Dependents, err = m.dependents(open.Manifest.Name)
	return d, err
}

// allocated is the disk space of a file, in bytes.
func allocated(f *os.File) (int64, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return 0, fmt.Errorf("file %q: %w", f.Name(), err)
	}
	return st.Blocks * 512, nil
}

// dependents are the names of instances whose disks lie over a snapshot's.
func (m *Manager) dependents(name string) ([]string, error) {
	ids, err := m.store.IDs()
	if err != nil {
		return nil, err
	}
	list := []string{}
	for _, id := range ids {
		// One whose description cannot be read cannot be started either.
		d, err := m.store.Description(id)
		if err == nil && d.Snapshot != nil && d.Snapshot.Name == name && len(d.Snapshot.Disks) > 0 {
			list = append(list, d.Name)
		}
	}
	slices.Sort(list)
	return list, nil
}

// VerifySnapshot reads all of a snapshot.
func (m *Manager) VerifySnapshot(ctx context.Context, name string, progress func(done, total int64)) error {
	all, err := m.snapshots()
	if err != nil {
		return err
	}
	return kindedSnapshot(all.Verify(ctx, name, progress))
}

// RemoveSnapshot deletes a snapshot.
func (m *Manager) RemoveSnapshot(_ context.Context, name string, o RemoveOptions) error {
	all, err := m.snapshots()
	if err != nil {
		return err
	}
	if name, err = all.Resolve(name); err != nil {
		return kindedSnapshot(err)
	}
	needed, err := m.dependents(name)
	if err != nil {
		return err
	}
	if len(needed) > 0 && !o.Force {
		return &instance.Error{Kind: instance.KindWrongState, Err: fmt.Errorf(
			"snapshot %q: remove: the disks of %d instances lie over it (%s); remove them first, or use force and lose what they hold", name, len(needed), few(needed))}
	}
	return kindedSnapshot(all.Remove(name))
}

// few names some of a list.
func few(list []string) string {
	const most = 3
	if len(list) > most {
		return strings.Join(list[:most], ", ") + ", ..."
	}
	return strings.Join(list, ", ")
}

// machineOf is the machine of a snapshot.
func machineOf(s *snapshots.Snapshot) (*configs.Machine, error) {
	m, err := configs.Parse(s.Manifest.Name+"/machine.toml", s.Machine)
	if err != nil {
		return nil, &instance.Error{Kind: instance.KindCorrupt, Err: fmt.Errorf("snapshot %q: its machine: %w", s.Manifest.Name, err)}
	}
	return m, nil
}
