package migration

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/guest"
	"github.com/hullvm/hull/internal/guesttest"
	"github.com/hullvm/hull/tests/twohosts"
)

// side is one host of a world: folders, a network, and a control group that its commands
// take for the root of all.
type side struct {
	*world
	name    string
	index   int
	net     *twohosts.Namespace
	home    string
	run     string
	group   string // a directory
	address string // on the link of moves
}

const groupRoot = "/sys/fs/cgroup"

func (w *world) newSide(i int, name string) *side {
	w.t.Helper()
	s := &side{
		world: w, name: name, net: w.network.Sides[i], index: i, address: twohosts.Addresses[i],
		home: filepath.Join(w.base, name, "s"), run: filepath.Join(w.base, name, "r"),
		group: filepath.Join(groupRoot, fmt.Sprintf("hulltest-%d-%s", os.Getpid(), name)),
	}
	w.must(os.MkdirAll(s.home, 0o755))
	// With a home of their own commands look for kernels there.
	w.must(os.Symlink(guest.DirsFromEnv(os.Getenv).Kernels, filepath.Join(s.home, "kernels")))
	if _, err := os.Stat(filepath.Join(groupRoot, "cgroup.controllers")); err != nil {
		guesttest.Missing(w.t, "control groups of version 2: "+err.Error())
	}
	for _, c := range []string{"cpu", "memory", "pids", "cpuset"} {
		w.must(os.WriteFile(filepath.Join(groupRoot, "cgroup.subtree_control"), []byte("+"+c), 0))
	}
	w.must(os.Mkdir(s.group, 0o755))
	return s
}

func (s *side) env() []string {
	env := slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains([]string{"HULL_HOME", "HULL_RUN_DIR", "HULL_PROGRAMS", "HULL_CACHE_DIR", "HULL_HOST"}, name)
	})
	return append(env, "HULL_HOME="+s.home, "HULL_RUN_DIR="+s.run, "HULL_PROGRAMS="+s.programs, "HULL_CACHE_DIR="+s.cache)
}

// hull runs a command of Hull's on this side, which has to succeed, and returns what it
// writes to standard output.
func (s *side) hull(args ...string) string {
	s.t.Helper()
	c := s.start(args...)
	if code := c.wait(); code != 0 {
		s.t.Fatalf("%v", c)
	}
	return c.stdout.String()
}

// listed is an instance in a list.
type listed struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	State struct {
		Status string `json:"status"`
		Exit   *struct {
			Reason string `json:"reason"`
			Detail string `json:"detail"`
		} `json:"exit"`
	} `json:"state"`
}

// list is all instances of this side.
func (s *side) list() (all []listed) {
	s.t.Helper()
	refs := strings.Fields(s.hull("ps", "-aq"))
	if len(refs) == 0 {
		return nil
	}
	c := s.start(append([]string{"inspect"}, refs...)...)
	if c.wait() != 0 {
		return nil // one is gone since: whoever asks will ask again
	}
	if err := json.Unmarshal([]byte(c.stdout.String()), &all); err != nil {
		s.t.Fatalf("%v: %v", c, err)
	}
	return all
}

// status is an instance's, "" where there is none.
func (s *side) status(name string) string {
	s.t.Helper()
	for _, l := range s.list() {
		if l.Name == name {
			return l.State.Status
		}
	}
	return ""
}

// processes are those of this side that run a program, or all.
func (s *side) processes(program string) (pids []int) {
	_ = filepath.WalkDir(s.group, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() != "cgroup.procs" {
			return nil // a group that is gone has no processes
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return nil
		}
		for field := range strings.FieldsSeq(string(text)) {
			pid, err := strconv.Atoi(field)
			if err != nil {
				continue
			}
			exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
			if err == nil && (program == "" || filepath.Base(exe) == program) {
				pids = append(pids, pid)
			}
		}
		return nil
	})
	return pids
}

// end kills all that runs on this side, and removes its control groups.
func (s *side) end() {
	_ = os.WriteFile(filepath.Join(s.group, "cgroup.kill"), []byte("1"), 0) // since Linux 5.14
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		var dirs []string
		_ = filepath.WalkDir(s.group, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				dirs = append(dirs, path)
			}
			return nil
		})
		slices.Reverse(dirs) // the innermost first
		var err error
		for _, dir := range dirs {
			err = errors.Join(err, unix.Rmdir(dir))
		}
		if err == nil {
			return
		}
		if time.Now().After(end) {
			s.t.Errorf("%s: its control groups are not empty: %v", s.name, err)
			return
		}
	}
}
