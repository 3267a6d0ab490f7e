package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/hullvm/hull/internal/durable"
	"github.com/hullvm/hull/manager/instance"
)

const (
	descriptionFile = "instance.json"
	stateFile       = "state.json"
	aliveFile       = "alive"
	lockFile        = "lock"
	renamingFile    = "renaming"
)

// maxFile bounds what is read of a file of the store, in bytes: a machine file may
// hold texts of files for the guest.
const maxFile = 16 << 20

// Description reads what was asked for. The error is ErrNotFound or ErrCorrupt.
func (s *Store) Description(id string) (*instance.Description, error) {
	var d instance.Description
	if err := s.read(id, descriptionFile, &d); err != nil {
		return nil, err
	}
	if err := d.Check(); err != nil {
		return nil, s.corrupt(id, descriptionFile, err)
	}
	if d.ID != id {
		return nil, s.corrupt(id, descriptionFile, fmt.Errorf("it is of %s", instance.ShortID(d.ID)))
	}
	return &d, nil
}

// State reads where an instance stood when that was last written, which is not
// where it stands if its supervisor was killed: see Current.
func (s *Store) State(id string) (*instance.State, error) {
	var st instance.State
	if err := s.read(id, stateFile, &st); err != nil {
		return nil, err
	}
	if err := st.Check(); err != nil {
		return nil, s.corrupt(id, stateFile, err)
	}
	return &st, nil
}

// PutDescription replaces a description. The caller holds the instance's lock.
func (s *Store) PutDescription(d *instance.Description) error {
	return s.write(d.ID, descriptionFile, d)
}

// PutState replaces a state. The caller is the supervisor, or holds the
// instance's lock while there is none.
func (s *Store) PutState(id string, st *instance.State) error {
	return s.write(id, stateFile, st)
}

func (s *Store) read(id, name string, into any) error {
	path := filepath.Join(s.Dir(id), name)
	b, err := readCapped(path)
	if errors.Is(err, fs.ErrNotExist) && !s.Exists(id) {
		return fmt.Errorf("instance %s: %w", instance.ShortID(id), ErrNotFound)
	}
	if err == nil {
		err = json.Unmarshal(b, into)
	}
	if err != nil {
		return s.corrupt(id, name, err)
	}
	return nil
}

func (s *Store) corrupt(id, name string, err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err // the path is in the message
	}
	return fmt.Errorf("instance %s: file %q %w: %w; \"hull rm -f %s\" deletes the instance",
		instance.ShortID(id), filepath.Join(s.Dir(id), name), ErrCorrupt, err, instance.ShortID(id))
}

func readCapped(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(b) > maxFile {
		return nil, fmt.Errorf("it is larger than %d MiB", maxFile>>20)
	}
	return b, err
}

func (s *Store) write(id, name string, v any) error {
	if err := writeJSON(filepath.Join(s.Dir(id), name), v); err != nil {
		return fmt.Errorf("instance %s: %w", instance.ShortID(id), err)
	}
	return nil
}

func writeJSON(path string, v any) error {
	return durable.WriteFile(path, 0o600, func(w io.Writer) error { return encodeJSON(w, v) })
}

// newJSON writes a file into a folder that is not in its place yet. It is on the disk
// when the folder is put there.
func newJSON(path string, v any) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(encodeJSON(f, v), f.Close())
}

func encodeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
