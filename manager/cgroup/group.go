package cgroup

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Group is one group. Its methods may be used from any goroutine; it holds
// nothing open.
type Group struct {
	host *host
	name string
	dirs map[string]string // as the host's bases
}

// Available says why groups with limits cannot be made on this host; nil where
// they can. It makes what they lie in.
func Available() error {
	h, err := thisHost()
	if err != nil {
		return err
	}
	return h.prepare()
}

// Create makes a group with limits. A group that is there already is an error
// that is [os.ErrExist]; a limit that cannot be set is one too, and then there is
// no group.
func Create(name string, limits Limits) (*Group, error) {
	h, err := thisHost()
	if err != nil {
		return nil, fmt.Errorf("group %q: %w", name, err)
	}
	return h.create(name, limits)
}

// Open finds a group that was made before: else the error is [os.ErrNotExist].
func Open(name string) (*Group, error) {
	h, err := thisHost()
	if err != nil {
		return nil, fmt.Errorf("group %q: %w", name, err)
	}
	return h.open(name)
}

// Supervisors is the group that the processes share that look after instances. It
// has no limits, and is made where it is not there.
func Supervisors() (*Group, error) {
	h, err := thisHost()
	if err != nil {
		return nil, fmt.Errorf("group %q: %w", supervisorsName, err)
	}
	return h.supervisors()
}

func (h *host) supervisors() (*Group, error) {
	if err := h.prepare(); err != nil {
		return nil, fmt.Errorf("group %q: %w", supervisorsName, err)
	}
	g := h.group(supervisorsName)
	for _, dir := range g.paths() {
		if err := h.files.mkdir(dir); err != nil && !errors.Is(err, os.ErrExist) {
			return nil, fmt.Errorf("group %q: make %s: %w", g.name, dir, reason(err))
		}
	}
	return g, nil
}

func (h *host) group(name string) *Group {
	g := &Group{host: h, name: name, dirs: map[string]string{}}
	for c, base := range h.bases {
		g.dirs[c] = filepath.Join(base, h.parent, name)
	}
	return g
}

func checkName(name string) error {
	if name == "" || name == "." || name == ".." || name == supervisorsName || len(name) > 255 || strings.ContainsAny(name, "/\n\x00") {
		return fmt.Errorf("group %.300q: not a name for a group", name)
	}
	return nil
}

func (h *host) create(name string, limits Limits) (*Group, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	if err := limits.check(); err != nil {
		return nil, fmt.Errorf("group %q: %w", name, err)
	}
	if err := h.prepare(); err != nil {
		return nil, fmt.Errorf("group %q: %w", name, err)
	}
	g := h.group(name)
	if err := g.make(); err != nil {
		return nil, err
	}
	if err := g.Set(limits); err != nil {
		return nil, errors.Join(err, g.unmake(g.paths()))
	}
	return g, nil
}

// make makes the group's directories. The first one says whether there is such a
// group; those behind it may be there, left by somebody who was killed.
func (g *Group) make() error {
	var made []string
	for i, dir := range g.paths() {
		err := g.host.files.mkdir(dir)
		if err == nil {
			made = append(made, dir)
		}
		if err != nil && (i == 0 || !errors.Is(err, os.ErrExist)) {
			return errors.Join(fmt.Errorf("group %q: make %s: %w", g.name, dir, reason(err)), g.unmake(made))
		}
	}
	return nil
}

// unmake takes directories back that were made for nothing.
func (g *Group) unmake(dirs []string) error {
	var errs error
	for _, dir := range dirs {
		errs = errors.Join(errs, os.Remove(dir))
	}
	return errs
}

func (h *host) open(name string) (*Group, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	g := h.group(name)
	info, err := os.Lstat(g.Path())
	if err == nil && !info.IsDir() {
		err = os.ErrNotExist // a file of the group around it
	}
	if err != nil {
		return nil, fmt.Errorf("group %q: open: %w", name, err)
	}
	return g, nil
}

// Path is the group's directory; in version 1 that of its controller of memory.
func (g *Group) Path() string {
	if g.host.unified() {
		return g.dirs[""]
	}
	return g.dirs["memory"]
}

// paths are all directories of the group, each once: controllers may share a
// tree. Path is the first, which is made first and removed last, so that a group
// can be found, and removed, as long as there is any of it.
func (g *Group) paths() []string {
	all := slices.Compact(slices.Sorted(maps.Values(g.dirs)))
	first := g.Path()
	return append([]string{first}, slices.DeleteFunc(all, func(dir string) bool { return dir == first })...)
}

// file is the path of a controller's file; "" where the controller is not there.
func (g *Group) file(controller, name string) string {
	if g.host.unified() {
		controller = ""
	}
	if g.dirs[controller] == "" {
		return ""
	}
	return filepath.Join(g.dirs[controller], name)
}

// Add puts a process and its threads into the group. Children that it has already
// stay where they are.
func (g *Group) Add(pid int) error {
	if pid <= 0 {
		return fmt.Errorf("group %q: add process %d: no process has that number", g.name, pid)
	}
	for _, dir := range g.paths() {
		if err := g.host.files.write(filepath.Join(dir, "cgroup.procs"), strconv.Itoa(pid)); err != nil {
			return fmt.Errorf("group %q: add process %d to %s: %w", g.name, pid, dir, reason(err))
		}
	}
	return nil
}

// Set changes the limits, all of them: a 0 takes one away. Where one cannot be
// set, the error says which, and those before it (processors, memory, processes)
// are set.
func (g *Group) Set(limits Limits) error {
	if err := limits.check(); err != nil {
		return fmt.Errorf("group %q: %w", g.name, err)
	}
	var list []setting
	if g.host.unified() {
		list = limits.settings2()
	} else {
		list = limits.settings1(g.swapLimit())
	}
	for _, s := range list {
		file := g.file(s.controller, s.file)
		err := errNotMounted
		if file != "" {
			err = g.host.files.write(file, s.value)
		}
		if err == nil || (s.none || s.extra) && (errors.Is(err, os.ErrNotExist) || errors.Is(err, errNotMounted)) {
			continue
		}
		return fmt.Errorf("group %q: limit of %s: write %q to %s: %w", g.name, limitNames[s.controller], s.value, s.file, reason(err))
	}
	return nil
}

// limitNames are what users call what a controller limits.
var limitNames = map[string]string{"cpu": "processors", "memory": "memory", "pids": "processes"}

// swapLimit is the present limit of memory and swap together, of version 1.
func (g *Group) swapLimit() uint64 {
	text, err := read(g.file("memory", "memory.memsw.limit_in_bytes"))
	if err != nil {
		return math.MaxUint64
	}
	return parseNumber(text)
}

// Processes are the processes in the group and in groups that they made below it.
func (g *Group) Processes() ([]int, error) {
	pids, err := processes(g.paths())
	if err != nil {
		return nil, fmt.Errorf("group %q: %w", g.name, err)
	}
	return pids, nil
}
