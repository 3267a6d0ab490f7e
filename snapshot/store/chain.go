package store

import (
	"context"
	"errors"
	"fmt"
)

// MaxChain is how many snapshots may lie over each other, the first with them.
const MaxChain = 16

// ErrChain is in the error of a snapshot that lies over too many others.
var ErrChain = errors.New("too many snapshots lie over each other")

// Below opens all snapshots that one lies over: its parent, that one's parent, and so
// on; none for a snapshot that is whole. The caller closes them. The error is ErrBroken
// where one of them cannot be used.
func (s *Store) Below(ctx context.Context, o *Snapshot) (below []*Snapshot, err error) {
	for at := o; at.Manifest.Parent != nil; {
		if len(below) == MaxChain-1 {
			err = problem(o.Manifest.Name, fmt.Errorf("%w: the most is %d", ErrChain, MaxChain))
			break
		}
		if at, err = s.OpenParent(ctx, at); err != nil {
			break
		}
		below = append(below, at)
	}
	if err != nil {
		return nil, errors.Join(err, CloseAll(below))
	}
	return below, nil
}

// CloseAll closes snapshots.
func CloseAll(list []*Snapshot) error {
	var errs []error
	for _, o := range list {
		errs = append(errs, o.Close())
	}
	return errors.Join(errs...)
}

// checkRoom refuses a parent over which another snapshot could not be restored.
func (s *Store) checkRoom(ctx context.Context, parent *Snapshot) error {
	below, err := s.Below(ctx, parent)
	if err != nil {
		return err
	}
	if len(below)+2 > MaxChain {
		err = problem(parent.Manifest.Name, fmt.Errorf("%w: it lies over %d, and %d in all are the most; make one without a parent", ErrChain, len(below), MaxChain))
	}
	return errors.Join(err, CloseAll(below))
}
