package store

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/hullvm/hull/snapshot/memfile"
	"github.com/hullvm/hull/vmstate"
)

// Verify reads all of a snapshot, as Open finds it, and the memory of those that it lies
// over, and says what is wrong with it: ErrBroken. progress is told how many bytes of the memory have been dealt with, by
// one goroutine at a time; it may be nil.
func (s *Store) Verify(ctx context.Context, ref string, progress func(done, total int64)) error {
	o, err := s.Open(ctx, ref)
	if err != nil {
		return err
	}
	err = s.verify(ctx, o, progress)
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("%w: %w", ErrBroken, err)
	}
	if err = errors.Join(err, o.Close()); err != nil {
		return problem(o.Manifest.Name, err)
	}
	return nil
}

func (s *Store) verify(ctx context.Context, o *Snapshot, progress func(done, total int64)) error {
	if _, err := vmstate.Read(io.NewSectionReader(o.State, 0, o.Manifest.State.Size)); err != nil {
		return err
	}
	if _, err := o.WorkingSet(); err != nil {
		return err
	}
	below, err := s.Below(ctx, o)
	if err != nil {
		return err
	}
	defer func() { _ = CloseAll(below) }() // only read
	for _, b := range below {
		if err := memfile.Verify(ctx, b.Memory, b.Sums, nil); err != nil {
			return problem(b.Manifest.Name, err)
		}
	}
	return memfile.Verify(ctx, o.Memory, o.Sums, progress)
}
