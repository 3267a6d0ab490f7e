package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/hullvm/hull/internal/lockfile"
	"github.com/hullvm/hull/snapshot"
)

// Draft is a snapshot that is being taken. Whoever takes it fills its files, which
// are empty and open for reading and writing, and ends with Commit or Abort.
type Draft struct {
	State  *os.File // the machine's state
	Memory *os.File // what memfile writes
	Sums   *os.File // the checksums of that
	Map    *os.File // which pages that has; nil without a parent

	store  *Store
	name   string
	parent *snapshot.Parent
	slots  []snapshot.Slot // the parent's
	tmp    string          // name of the directory
	lock   *lockfile.Lock
}

// createTime is how long others may take that begin a snapshot at the same moment.
const createTime = 30 * time.Second

// Create begins a snapshot. parent is the snapshot that it is to lie over, which
// stays open until Commit; nil for none. The error is ErrExists where there is one of
// the name, or ErrChain where the parent lies over too many others already.
func (s *Store) Create(name string, parent *Snapshot) (*Draft, error) {
	if err := snapshot.CheckName(name); err != nil {
		return nil, fmt.Errorf("snapshot: %w", err)
	}
	d := &Draft{store: s, name: name}
	if parent != nil {
		ctx, cancel := context.WithTimeout(context.Background(), createTime)
		defer cancel()
		if err := s.checkRoom(ctx, parent); err != nil {
			return nil, err
		}
		d.parent = &snapshot.Parent{Name: parent.Manifest.Name, Manifest: parent.manifestHash}
		d.slots = parent.Manifest.Memory.Slots
	}
	if err := d.begin(); err != nil {
		return nil, problem(name, errors.Join(err, d.end()))
	}
	return d, nil
}

func (d *Draft) begin() error {
	ctx, cancel := context.WithTimeout(context.Background(), createTime)
	defer cancel()
	all, err := d.store.lock(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = all.Release() }()
	if _, err := os.Lstat(d.store.path(d.name)); err == nil {
		return ErrExists
	}
	tmp, err := os.MkdirTemp(d.store.dir, newPrefix+d.name+"-*")
	if err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	d.tmp = tmp
	if d.lock, err = lockfile.Try(d.path(snapshot.LockFile)); err != nil {
		return err
	}
	files := map[string]**os.File{snapshot.StateFile: &d.State, snapshot.MemoryFile: &d.Memory, snapshot.SumsFile: &d.Sums}
	if d.parent != nil {
		files[snapshot.MapFile] = &d.Map
	}
	for name, f := range files {
		if *f, err = os.OpenFile(d.path(name), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// Dir is the folder of the files; other files of the snapshot, such as copies of
// disks, are put there too. They get another path with Commit: Final.
func (d *Draft) Dir() string { return d.tmp }

// Final is the path that the folder has after Commit.
func (d *Draft) Final() string { return d.store.path(d.name) }

func (d *Draft) path(file string) string { return d.tmp + "/" + file }

// Abort removes what there is of the snapshot. After a Commit it does nothing.
func (d *Draft) Abort() error {
	if err := d.end(); err != nil {
		return problem(d.name, err)
	}
	return nil
}

// end removes the directory, unless it has got its name, and closes all files, the
// lock last.
func (d *Draft) end() error {
	var err error
	if d.tmp != "" {
		err = os.RemoveAll(d.tmp)
	}
	for _, f := range []*os.File{d.State, d.Memory, d.Sums, d.Map} {
		if f != nil {
			err = errors.Join(err, f.Close())
		}
	}
	if d.lock != nil {
		err = errors.Join(err, d.lock.Release())
	}
	d.tmp, d.State, d.Memory, d.Sums, d.Map, d.lock = "", nil, nil, nil, nil, nil
	return err
}
