package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/hullvm/hull/internal/durable"
	"github.com/hullvm/hull/manager/instance"
)

// Create keeps a new instance that has not run. fill puts files of its own into its
// folder, which has another path then; nil for none. The error is ErrNameTaken where
// another has its name; nothing is left of it then.
func (s *Store) Create(d *instance.Description, fill func(dir string) error) error {
	return s.create(d, &instance.State{Version: instance.StateVersion, Status: instance.Created}, fill)
}

// CreateReceiving is Create of an instance whose machine arrives from another host.
// The caller is to be its supervisor: claimed is what Claim would give, so that it is
// never there without one.
func (s *Store) CreateReceiving(d *instance.Description, m *instance.Migration) (claimed *os.File, err error) {
	if s.Exists(d.ID) {
		return nil, fmt.Errorf("instance %s: %w: it is here already; \"hull rm %s\" removes it", d.Name, ErrExists, instance.ShortID(d.ID))
	}
	st := &instance.State{Version: instance.StateVersion, Status: instance.Receiving, Migration: m}
	err = s.create(d, st, func(dir string) error {
		claimed, err = claim(d.ID, filepath.Join(dir, aliveFile))
		return err
	})
	if err != nil && claimed != nil {
		err = errors.Join(err, claimed.Close())
	}
	return claimed, err
}

func (s *Store) create(d *instance.Description, st *instance.State, fill func(dir string) error) (err error) {
	if err := d.Check(); err != nil {
		return fmt.Errorf("instance: %w", err)
	}
	unlock, err := s.lockNames()
	if err != nil {
		return err
	}
	defer unlock()
	tmp := s.Dir(newPrefix + d.ID)
	if err := os.Mkdir(tmp, 0o700); err != nil {
		return fmt.Errorf("instance %s: make folder: %w", d.Name, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(tmp))
		}
	}()
	if err := errors.Join(
		newJSON(filepath.Join(tmp, descriptionFile), d),
		newJSON(filepath.Join(tmp, stateFile), st),
		touch(filepath.Join(tmp, lockFile)),
		touch(filepath.Join(tmp, aliveFile)),
	); err != nil {
		return fmt.Errorf("instance %s: %w", d.Name, err)
	}
	if fill != nil {
		if err := fill(tmp); err != nil {
			return err
		}
	}
	if err := s.takeName(d.Name, d.ID); err != nil {
		return err
	}
	if err := durable.PutDir(tmp, s.Dir(d.ID)); err != nil {
		return errors.Join(fmt.Errorf("instance %s: %w", d.Name, err), os.Remove(s.link(d.Name)))
	}
	return nil
}

func touch(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}
