package store

import (
	"errors"
	"fmt"
	"strings"

	"github.com/hullvm/hull/manager/instance"
)

// AmbiguousError says that the beginning of an id is that of several instances.
type AmbiguousError struct {
	Prefix string
	IDs    []string
}

func (e *AmbiguousError) Error() string {
	short := make([]string, 0, 4)
	for _, id := range e.IDs[:min(len(e.IDs), 3)] {
		short = append(short, instance.ShortID(id))
	}
	if len(e.IDs) > 3 {
		short = append(short, "...")
	}
	return fmt.Sprintf("instance %q: %d instances have ids that begin so (%s); write more of the id", e.Prefix, len(e.IDs), strings.Join(short, ", "))
}

// Resolve finds the instance that a ref means: its whole id, its name, or a
// beginning of its id that no other's has. The error is ErrNotFound or an
// *AmbiguousError.
func (s *Store) Resolve(ref string) (string, error) {
	if instance.IsID(ref) {
		if !s.Exists(ref) {
			return "", fmt.Errorf("instance %s: %w", instance.ShortID(ref), ErrNotFound)
		}
		return ref, nil
	}
	id, err := s.Named(ref)
	if err == nil || !errors.Is(err, ErrNotFound) || !instance.IsIDPrefix(ref) {
		return id, err
	}
	all, err := s.IDs()
	if err != nil {
		return "", err
	}
	var found []string
	for _, id := range all {
		if strings.HasPrefix(id, ref) {
			found = append(found, id)
		}
	}
	switch len(found) {
	case 0:
		return "", fmt.Errorf("instance %q: %w", ref, ErrNotFound)
	case 1:
		return found[0], nil
	default:
		return "", &AmbiguousError{Prefix: ref, IDs: found}
	}
}
