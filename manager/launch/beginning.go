package launch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/hullvm/hull/guest"
	"github.com/hullvm/hull/manager/instance"
	"github.com/hullvm/hull/manager/supervisor"
	"github.com/hullvm/hull/monitor/spawn"
	"github.com/hullvm/hull/snapshot/store"
)

// beginning is what a machine begins as: a kernel, or a machine that was saved.
type beginning struct {
	kernel  *os.File
	initrd  []*os.File
	cmdline string

	state, memory *os.File
	layers        []spawn.Layer // over memory
	renewal       *renewal
	origin        *supervisor.SnapshotID

	close func()
}

// beginning finds what the machine begins as. An instance that was made of a snapshot
// goes on from it once: what its disks hold later is of another moment.
func (l *launcher) beginning(ctx context.Context, x supervisor.Launch) (*beginning, error) {
	if x.Incoming {
		return &beginning{close: func() {}}, nil
	}
	if x.First && x.Description.Snapshot != nil {
		return l.goesOn(ctx, x)
	}
	files, err := guest.Open(x.Machine, l.dirs.Guest)
	if err != nil {
		return nil, err
	}
	b := &beginning{cmdline: files.Cmdline, close: func() { _ = files.Close() }}
	b.kernel, b.initrd = files.Descriptors()
	return b, nil
}

func (l *launcher) goesOn(ctx context.Context, x supervisor.Launch) (*beginning, error) {
	from := x.Description.Snapshot
	snapshots, err := store.Open(l.dirs.SnapshotsDir())
	if err != nil {
		return nil, err
	}
	s, err := snapshots.Open(ctx, from.Name)
	if err != nil {
		return nil, err
	}
	if !s.Manifest.Created.Equal(from.Created) {
		return nil, errors.Join(&instance.Error{Kind: instance.KindNotFound, Err: fmt.Errorf(
			"snapshot %q is another one now: it was made %v, and the instance is to go on from one of %v", from.Name, s.Manifest.Created, from.Created)}, s.Close())
	}
	b, err := begins(ctx, snapshots, s, x)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return b, nil
}

// begins is the beginning of a machine that goes on from a snapshot, which is the
// beginning's to close.
func begins(ctx context.Context, snapshots *store.Store, s *store.Snapshot, x supervisor.Launch) (*beginning, error) {
	// Again: it may be long since the instance was made.
	if err := s.Manifest.CheckDisks(); err != nil {
		return nil, fmt.Errorf("snapshot %q: %w", s.Manifest.Name, err)
	}
	renewal, err := newRenewal(x, s.Machine)
	if err != nil {
		return nil, err
	}
	below, err := snapshots.Below(ctx, s)
	if err != nil {
		return nil, err
	}
	all := append([]*store.Snapshot{s}, below...)
	b := &beginning{
		state: s.State, memory: all[len(all)-1].Memory, renewal: renewal,
		origin: &supervisor.SnapshotID{Name: s.Manifest.Name, Created: s.Manifest.Created},
		close:  func() { _ = store.CloseAll(all) },
	}
	for _, o := range slices.Backward(all[:len(all)-1]) {
		b.layers = append(b.layers, spawn.Layer{Memory: o.Memory, Map: o.Map})
	}
	return b, nil
}
