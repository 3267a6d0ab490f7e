package cgroup

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	parentName = "hull" // of the group that has all others
	// supervisorsName is no instance's: theirs share a directory with it.
	supervisorsName = "hull.supervisors"
	leafName        = "init" // takes the processes of a container's root
)

// Controllers that limits need, and those that are used where there are any.
var (
	needed  = []string{"cpu", "memory", "pids"}
	useful2 = []string{"io"}
	useful1 = []string{"cpuacct", "freezer", "blkio"}
)

// host is where groups can be made.
type host struct {
	files  files
	parent string // its name

	// bases are the directories in which the parent lies: that of version 2 is
	// "", those of version 1 are their controllers'.
	bases map[string]string
	// movable says of version 2 that the base is the root of a container, whose
	// processes may be moved.
	movable bool
}

func (h *host) unified() bool { return h.bases[""] != "" }

// thisHost looks where groups can be made on this host.
func thisHost() (*host, error) { return findHost("/", kernel{}, parentName) }

// findHost is thisHost for a host whose files lie below root.
func findHost(root string, files files, parent string) (*host, error) {
	mountinfo, err := os.ReadFile(filepath.Join(root, "proc/self/mountinfo"))
	if err != nil {
		return nil, fmt.Errorf("control groups: %w", err)
	}
	membership, err := os.ReadFile(filepath.Join(root, "proc/self/cgroup"))
	if err != nil {
		return nil, fmt.Errorf("control groups: %w", err)
	}
	mounts := parseMounts(string(mountinfo))
	for i := range mounts {
		mounts[i].point = filepath.Join(root, mounts[i].point)
	}
	groups := parseMembership(string(membership))
	h := &host{files: files, parent: parent, bases: map[string]string{}}
	why2 := h.findUnified(mounts, groups)
	if why2 == nil {
		return h, nil
	}
	why1 := h.findLegacy(mounts, groups)
	if why1 == nil {
		return h, nil
	}
	return nil, fmt.Errorf("control groups: version 2: %w; version 1: %w", why2, why1)
}

var errNotMounted = errors.New("not mounted")

// findUnified looks for a place in a tree of version 2.
func (h *host) findUnified(mounts []mount, groups map[string]string) error {
	i := slices.IndexFunc(mounts, func(m mount) bool { return m.unified })
	if i < 0 {
		return errNotMounted
	}
	place, err := h.place(&mounts[i], groups[""])
	if err != nil {
		return err
	}
	if missing := missingControllers(place, needed); len(missing) > 0 {
		return fmt.Errorf("%s has no controller %s", place, strings.Join(missing, ", "))
	}
	h.bases = map[string]string{"": place}
	// The tree's own root has no type; another group that is mounted is the root
	// of a container.
	_, err = os.Lstat(filepath.Join(place, "cgroup.type"))
	h.movable = place == filepath.Clean(mounts[i].point) && err == nil
	return nil
}

// findLegacy looks for a place in the tree of each controller of version 1.
func (h *host) findLegacy(mounts []mount, groups map[string]string) error {
	h.bases = map[string]string{}
	for _, c := range slices.Concat(needed, useful1) {
		i := slices.IndexFunc(mounts, func(m mount) bool { return slices.Contains(m.controllers, c) })
		err := errNotMounted
		if i >= 0 {
			var place string
			if place, err = h.place(&mounts[i], groups[c]); err == nil {
				h.bases[c] = place
			}
		}
		if err != nil && slices.Contains(needed, c) {
			return fmt.Errorf("controller %s: %w", c, err)
		}
	}
	return nil
}

// place is the highest directory of a tree, from its root to the group that this
// process is in, that may be written.
func (h *host) place(m *mount, group string) (string, error) {
	var why error
	for _, dir := range m.places(group) {
		err := h.files.writable(dir)
		if err == nil {
			return dir, nil
		}
		why = errors.Join(why, err)
	}
	return "", fmt.Errorf("no place may be written: %w", why)
}

// missingControllers are those of list that a group of version 2 has not.
func missingControllers(dir string, list []string) []string {
	text, err := read(filepath.Join(dir, "cgroup.controllers"))
	if err != nil {
		return list
	}
	have := strings.Fields(text)
	return slices.DeleteFunc(slices.Clone(list), func(c string) bool { return slices.Contains(have, c) })
}

// prepare makes the parent of all groups.
func (h *host) prepare() error {
	for _, c := range slices.Sorted(maps.Keys(h.bases)) {
		base := h.bases[c]
		if h.unified() {
			if err := h.enable(base); err != nil {
				return err
			}
		}
		dir := filepath.Join(base, h.parent)
		if err := h.files.mkdir(dir); err != nil && !errors.Is(err, os.ErrExist) {
			return fmt.Errorf("control groups: make %s: %w", dir, reason(err))
		}
		if h.unified() {
			if err := h.enable(dir); err != nil {
				return err
			}
		}
	}
	return nil
}

// enable gives the groups below a group of version 2 their controllers.
func (h *host) enable(dir string) error {
	file := filepath.Join(dir, "cgroup.subtree_control")
	text, err := read(file)
	if err != nil {
		return fmt.Errorf("control groups: %w", err)
	}
	have := strings.Fields(text)
	var want []string
	absent := missingControllers(dir, useful2)
	for _, c := range slices.Concat(needed, useful2) {
		if !slices.Contains(have, c) && !slices.Contains(absent, c) {
			want = append(want, "+"+c)
		}
	}
	if len(want) == 0 {
		return nil
	}
	add := strings.Join(want, " ")
	err = h.files.write(file, add)
	if errors.Is(err, unix.EBUSY) {
		// A group has processes or groups with controllers, not both.
		if dir != h.bases[""] || !h.movable {
			return fmt.Errorf("control groups: %s has processes of its own, and so can have no groups with limits; run hull in a group that is delegated to it", dir)
		}
		if err := h.clear(dir); err != nil {
			return err
		}
		err = h.files.write(file, add)
	}
	if err != nil {
		return fmt.Errorf("control groups: enable %s below %s: %w", add, dir, reason(err))
	}
	return nil
}

// clearTries bounds how often clear looks for processes: they may start others
// meanwhile, in the group that they are in.
const clearTries = 100

// clear moves the processes of a container's root into a leaf.
func (h *host) clear(dir string) error {
	leaf := filepath.Join(dir, leafName)
	if err := h.files.mkdir(leaf); err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("control groups: make %s: %w", leaf, reason(err))
	}
	for range clearTries {
		text, err := read(filepath.Join(dir, "cgroup.procs"))
		if err != nil {
			return fmt.Errorf("control groups: %w", err)
		}
		pids := strings.Fields(text)
		if len(pids) == 0 {
			return nil
		}
		for _, pid := range pids {
			err := h.files.write(filepath.Join(leaf, "cgroup.procs"), pid)
			if err != nil && !errors.Is(err, unix.ESRCH) { // it has ended
				return fmt.Errorf("control groups: move process %s to %s: %w", pid, leaf, reason(err))
			}
		}
	}
	return fmt.Errorf("control groups: %s has ever new processes", dir)
}

// reason is an error without its path, which the text around it has.
func reason(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
