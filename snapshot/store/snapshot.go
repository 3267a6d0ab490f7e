package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/hullvm/hull/internal/lockfile"
	"github.com/hullvm/hull/snapshot"
	"github.com/hullvm/hull/snapshot/memfile"
	"github.com/hullvm/hull/vmstate"
)

// Snapshot is a snapshot that is open: nobody removes it.
type Snapshot struct {
	Manifest *snapshot.Manifest
	Machine  []byte           // the description of the machine
	State    *os.File         // the machine's state, open for reading
	Memory   *os.File         // likewise the memory file
	Sums     *memfile.Sums    // its checksums
	Pages    *memfile.PageSet // which pages it has; nil for all
	Map      *os.File         // the file of those, open for reading; nil likewise

	dir          string
	manifestHash string
	lock         *lockfile.Lock
}

// Open opens the snapshot of a name, or of the beginning of one that no other has. Its
// files are held against its manifest, but for the memory, of which the size is:
// see Verify. The error is ErrNotFound, an *AmbiguousError, or ErrBroken. It waits,
// until ctx ends, for who is just taking the snapshot or removing it.
func (s *Store) Open(ctx context.Context, ref string) (*Snapshot, error) {
	name, err := s.Resolve(ref)
	if err != nil {
		return nil, err
	}
	return s.open(ctx, name)
}

func (s *Store) open(ctx context.Context, name string) (*Snapshot, error) {
	lock, err := s.share(ctx, name)
	if err != nil {
		return nil, problem(name, err)
	}
	o := &Snapshot{dir: s.path(name), lock: lock}
	if err := o.load(name); err != nil {
		return nil, problem(name, errors.Join(fmt.Errorf("%w: %w", ErrBroken, err), o.Close()))
	}
	return o, nil
}

// share keeps a snapshot from being removed.
func (s *Store) share(ctx context.Context, name string) (*lockfile.Lock, error) {
	path := s.path(name, snapshot.LockFile)
	lock, err := lockfile.AcquireShared(ctx, path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotFound
	}
	if err == nil && !lock.IsAt(path) { // whoever held it has removed the snapshot
		err = errors.Join(ErrNotFound, lock.Release())
	}
	if err != nil {
		return nil, err
	}
	return lock, nil
}

// Dir is the folder of the snapshot.
func (o *Snapshot) Dir() string { return o.dir }

// Close lets go of the snapshot. What is mapped of its memory stays.
func (o *Snapshot) Close() error {
	var err error
	for _, f := range []*os.File{o.State, o.Memory, o.Map} {
		if f != nil {
			err = errors.Join(err, f.Close())
		}
	}
	return errors.Join(err, o.lock.Release())
}

// load opens and reads all files, and checks them.
func (o *Snapshot) load(name string) (err error) {
	if o.Manifest, o.manifestHash, err = readManifest(o.dir, name); err != nil {
		return err
	}
	m := o.Manifest
	if o.Machine, err = readHashed(o.dir, snapshot.MachineFile, m.Machine.SHA256, snapshot.MaxMachine); err != nil {
		return err
	}
	if o.State, err = openFile(o.dir, snapshot.StateFile); err != nil {
		return err
	}
	state, err := content(o.State, vmstate.MaxSize)
	if err == nil {
		err = checkHash(snapshot.StateFile, state, m.State.SHA256)
	}
	if err != nil {
		return err
	}
	// The hashes are of all bytes; the sizes are there for who lists.
	if int64(len(o.Machine)) != m.Machine.Size || int64(len(state)) != m.State.Size {
		return errors.New("the manifest has other sizes than the files")
	}
	if o.Memory, err = openFile(o.dir, snapshot.MemoryFile); err != nil {
		return err
	}
	if size, err := sizeOf(o.Memory); err != nil || size != m.Memory.Size {
		return errors.Join(fmt.Errorf("file %q: it has %d bytes, and not %d", snapshot.MemoryFile, size, m.Memory.Size), err)
	}
	sums, err := readHashed(o.dir, snapshot.SumsFile, m.Memory.Sums, maxBeside(m.Memory.Size))
	if err != nil {
		return err
	}
	if o.Sums, err = memfile.ReadSums(bytes.NewReader(sums), m.Memory.Size); err != nil || m.Parent == nil {
		return err
	}
	return o.loadMap()
}

func (o *Snapshot) loadMap() (err error) {
	m := o.Manifest
	if o.Map, err = openFile(o.dir, snapshot.MapFile); err != nil {
		return err
	}
	pages, err := content(o.Map, maxBeside(m.Memory.Size))
	if err == nil {
		err = checkHash(snapshot.MapFile, pages, m.Memory.Map)
	}
	if err != nil {
		return err
	}
	o.Pages, err = memfile.ReadPageSet(bytes.NewReader(pages), m.Memory.Size)
	return err
}

// OpenParent opens the snapshot that another lies over, which has to be the one that
// it was taken over.
func (s *Store) OpenParent(ctx context.Context, child *Snapshot) (*Snapshot, error) {
	parent := child.Manifest.Parent
	if parent == nil {
		return nil, problem(child.Manifest.Name, errors.New("it lies over no other"))
	}
	p, err := s.open(ctx, parent.Name)
	if err == nil && p.manifestHash != parent.Manifest {
		err = errors.Join(fmt.Errorf("snapshot %q is another one of that name", parent.Name), p.Close())
	}
	if err == nil && !slices.Equal(p.Manifest.Memory.Slots, child.Manifest.Memory.Slots) {
		err = errors.Join(fmt.Errorf("snapshot %q has a memory that is laid out otherwise", parent.Name), p.Close())
	}
	if err != nil {
		return nil, problem(child.Manifest.Name, fmt.Errorf("%w: what it lies over: %w", ErrBroken, err))
	}
	return p, nil
}

func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
