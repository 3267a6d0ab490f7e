package lab

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/internal/durable"
)

// What dead hosts leave is kept beside the hosts, as NAME.dead-1, NAME.dead-2
// and so on: no name of a host has a dot in it.
const (
	remainsInfix = ".dead-"

	// maxRemains is how many are kept. The oldest go first.
	maxRemains = 8

	// maxRemainsLog is how much of each log is kept, in bytes: its end.
	maxRemainsLog = 1 << 20
)

// remainsBase is the name under which a host's remains are kept. Hosts that
// live for one command share one.
func remainsBase(name string) string {
	if strings.HasPrefix(name, throwawayPrefix) {
		return strings.TrimSuffix(throwawayPrefix, "-")
	}
	return name
}

// splitRemains takes the name of a directory of remains apart.
func splitRemains(dir string) (name string, number int, ok bool) {
	name, digits, found := strings.Cut(dir, remainsInfix)
	number, err := strconv.Atoi(digits)
	return name, number, found && err == nil && number > 0 && validName(name)
}

// nextRemains is the name that the next remains of a host will have.
func nextRemains(state, base string) string {
	last := 0
	for _, e := range remainsIn(state) {
		if name, number, _ := splitRemains(e); name == base {
			last = max(last, number)
		}
	}
	return fmt.Sprint(base, remainsInfix, last+1)
}

// remainsIn lists the directories of remains.
func remainsIn(state string) []string {
	entries, err := os.ReadDir(state)
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		if _, _, ok := splitRemains(e.Name()); ok && e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names
}

// bury puts a dead host's directory among the remains, and removes the oldest
// of those. The caller has the lock of all hosts.
func (l *Lab) bury(name string) (string, error) {
	dir := filepath.Join(l.dirs.State, name)
	for _, socket := range []string{execSocket, qmpSocket, netSocket} {
		if err := os.Remove(filepath.Join(dir, socket)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return "", fmt.Errorf("lab host %q: %q: remove: %w", name, socket, reason(err))
		}
	}
	for _, log := range []string{consoleLog, emulatorLog, keeperLog} {
		if err := keepEnd(filepath.Join(dir, log), maxRemainsLog); err != nil {
			return "", fmt.Errorf("lab host %q: %w", name, err)
		}
	}
	grave := filepath.Join(l.dirs.State, nextRemains(l.dirs.State, remainsBase(name)))
	if err := os.Rename(dir, grave); err != nil {
		return "", fmt.Errorf("lab host %q: directory %q: rename: %w", name, dir, reason(err))
	}
	return grave, l.thinRemains(maxRemains)
}

// thinRemains removes all remains but the newest.
func (l *Lab) thinRemains(keep int) error {
	all := l.Remains()
	slices.SortStableFunc(all, func(a, b Status) int { return b.Died.Compare(a.Died) })
	var errs []error
	for _, s := range all[min(keep, len(all)):] {
		if err := os.RemoveAll(s.Dir); err != nil {
			errs = append(errs, fmt.Errorf("lab host %q: directory %q: remove: %w", s.Name, s.Dir, reason(err)))
		}
	}
	return errors.Join(errs...)
}

// RemoveRemains removes what dead hosts left that were started anew since.
func (l *Lab) RemoveRemains() error { return l.thinRemains(0) }

// Remains tells of the hosts that died and were started anew since, by name.
// How many are kept is bounded, and how much of their logs.
func (l *Lab) Remains() []Status {
	var all []Status
	for _, name := range remainsIn(l.dirs.State) {
		s := Status{Name: name, State: Dead, Dir: filepath.Join(l.dirs.State, name)}
		if checkPrivate(s.Dir) != nil {
			continue
		}
		s.describe(s.Dir)
		all = append(all, s)
	}
	return all
}

// keepEnd shortens a file to its last most bytes. One that is not there, or no
// regular file, is left alone.
func keepEnd(path string, most int64) error {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() <= most {
		return nil
	}
	if _, err := f.Seek(-most, io.SeekEnd); err != nil {
		return fmt.Errorf("log %q: shorten: %w", path, reason(err))
	}
	return durable.WriteFile(path, 0o600, func(w io.Writer) error {
		_, err := io.CopyN(w, f, most)
		return err
	})
}
