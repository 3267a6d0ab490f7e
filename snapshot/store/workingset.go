package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/hullvm/hull/internal/durable"
	"github.com/hullvm/hull/snapshot"
	"github.com/hullvm/hull/snapshot/memfile"
)

// maxWorkingSet is the most its file may have, in bytes: a header and the extents.
const maxWorkingSet = 64 + memfile.MaxExtents*16

// WorkingSet reads what is used first after a restore; nil if nobody has noted it.
func (o *Snapshot) WorkingSet() (*memfile.WorkingSet, error) {
	b, err := readFile(o.dir, snapshot.WorkingSetFile, maxWorkingSet)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return memfile.ReadWorkingSet(bytes.NewReader(b), o.Manifest.Memory.Size)
}

// PutWorkingSet keeps what is used first after a restore, in the place of what was
// noted before.
func (o *Snapshot) PutWorkingSet(set *memfile.WorkingSet) error {
	if set.Size != o.Manifest.Memory.Size {
		return problem(o.Manifest.Name, fmt.Errorf("working set of a memory of %d bytes, and not of %d", set.Size, o.Manifest.Memory.Size))
	}
	err := durable.WriteFile(filepath.Join(o.dir, snapshot.WorkingSetFile), fileMode, func(w io.Writer) error { return set.Encode(w) })
	if err != nil {
		return problem(o.Manifest.Name, err)
	}
	return nil
}
