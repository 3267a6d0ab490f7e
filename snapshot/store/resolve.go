package store

import (
	"fmt"
	"os"
	"strings"

	"github.com/hullvm/hull/snapshot"
)

// AmbiguousError says that several snapshots have names that begin the same.
type AmbiguousError struct {
	Prefix string
	Names  []string
}

func (e *AmbiguousError) Error() string {
	few := strings.Join(e.Names[:min(len(e.Names), 3)], ", ")
	if len(e.Names) > 3 {
		few += ", ..."
	}
	return fmt.Sprintf("snapshot %q: %d snapshots have names that begin so (%s); write more of the name", e.Prefix, len(e.Names), few)
}

// Resolve finds the snapshot that a ref means: its name, or the beginning of its name
// and of no other's. The error is ErrNotFound or an *AmbiguousError.
func (s *Store) Resolve(ref string) (string, error) {
	if err := snapshot.CheckName(ref); err != nil {
		return "", fmt.Errorf("snapshot: %w: %w", err, ErrNotFound)
	}
	names, err := s.Names()
	if err != nil {
		return "", err
	}
	var found []string
	for _, name := range names {
		if name == ref {
			return name, nil
		}
		if strings.HasPrefix(name, ref) {
			found = append(found, name)
		}
	}
	switch len(found) {
	case 0:
		return "", problem(ref, ErrNotFound)
	case 1:
		return found[0], nil
	}
	return "", &AmbiguousError{Prefix: ref, Names: found}
}

// Names lists all snapshots, whole or broken, in order.
func (s *Store) Names() ([]string, error) {
	all, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, fmt.Errorf("snapshots: list: %w", err)
	}
	var names []string
	for _, e := range all {
		if e.IsDir() && snapshot.CheckName(e.Name()) == nil {
			names = append(names, e.Name())
		}
	}
	return names, nil
}
