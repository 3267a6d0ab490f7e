package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/hullvm/hull/internal/durable"
	"github.com/hullvm/hull/snapshot"
	"github.com/hullvm/hull/snapshot/memfile"
	"github.com/hullvm/hull/vmstate"
)

// fileMode is that of a snapshot's files: nobody is to change them, and they have all
// of the guest's secrets.
const fileMode = 0o400

// Commit gives the snapshot its name, after all of it is on the disk. It fills in
// what the manifest says of files, and its format, name and parent; the rest is the
// caller's. machine is the description. Whoever has filled the files is not believed:
// their sizes are held against the manifest, and the checksums are read.
//
// The draft ends, whatever happens: after an error there is nothing left of it. The
// error is ErrExists where somebody else was first to take the name.
func (d *Draft) Commit(m *snapshot.Manifest, machine []byte) error {
	err := d.commit(m, machine)
	final := d.store.path(d.name)
	switch {
	case err == nil:
		d.tmp = "" // it has another name
	case d.lock != nil && d.lock.IsAt(filepath.Join(final, snapshot.LockFile)):
		// It has that too, but perhaps not on the disk.
		err = errors.Join(err, os.RemoveAll(final))
	}
	if err = errors.Join(err, d.end()); err != nil {
		return problem(d.name, err)
	}
	return nil
}

func (d *Draft) commit(m *snapshot.Manifest, machine []byte) error {
	if d.tmp == "" {
		return errors.New("it has been committed or aborted")
	}
	m.Format, m.Name, m.Parent = snapshot.Format, d.name, d.parent
	m.Machine = snapshot.File{Size: int64(len(machine)), SHA256: hash(machine)}
	if err := d.describeFiles(m); err != nil {
		return err
	}
	manifest, err := m.Encode()
	if err != nil {
		return err
	}
	if err := errors.Join(
		os.WriteFile(d.path(snapshot.MachineFile), machine, fileMode),
		os.WriteFile(d.path(snapshot.ManifestFile), manifest, fileMode),
	); err != nil {
		return err
	}
	for _, f := range []*os.File{d.State, d.Memory, d.Sums, d.Map} {
		if f != nil {
			if err := f.Chmod(fileMode); err != nil {
				return err
			}
		}
	}
	err = durable.PutDir(d.tmp, d.store.path(d.name))
	if errors.Is(err, fs.ErrExist) {
		return ErrExists
	}
	return err
}

// describeFiles puts into the manifest what the files are.
func (d *Draft) describeFiles(m *snapshot.Manifest) error {
	size, err := sizeOf(d.Memory)
	if err != nil {
		return err
	}
	if size != m.Memory.Size {
		return fmt.Errorf("file %q: it has %d bytes, and the guest's memory %d", snapshot.MemoryFile, size, m.Memory.Size)
	}
	state, err := content(d.State, vmstate.MaxSize)
	if err != nil {
		return err
	}
	m.State = snapshot.File{Size: int64(len(state)), SHA256: hash(state)}
	if d.parent != nil && !slices.Equal(m.Memory.Slots, d.slots) {
		return fmt.Errorf("the memory is not laid out as that of snapshot %q, over which it is to lie", d.parent.Name)
	}
	sums, err := content(d.Sums, maxBeside(size))
	if err != nil {
		return err
	}
	if _, err := memfile.ReadSums(bytes.NewReader(sums), size); err != nil {
		return err
	}
	m.Memory.Sums, m.Memory.Map = hash(sums), ""
	if d.Map == nil {
		return nil
	}
	pages, err := content(d.Map, maxBeside(size))
	if err != nil {
		return err
	}
	if _, err := memfile.ReadPageSet(bytes.NewReader(pages), size); err != nil {
		return err
	}
	m.Memory.Map = hash(pages)
	return nil
}

// maxBeside bounds a file beside a memory of size bytes, in bytes: a bit for each
// page, or a checksum for each MiB, and a header.
func maxBeside(size int64) int64 { return size/(8*memfile.PageSize) + 1<<10 }

func sizeOf(f *os.File) (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// content reads all of a file, from its start, and up to most bytes.
func content(f *os.File, most int64) ([]byte, error) {
	size, err := sizeOf(f)
	if err != nil {
		return nil, err
	}
	if size > most {
		return nil, fmt.Errorf("file %q: it has %d bytes: the most is %d", f.Name(), size, most)
	}
	b, err := io.ReadAll(io.NewSectionReader(f, 0, size))
	if err != nil {
		return nil, err
	}
	return b, nil
}
