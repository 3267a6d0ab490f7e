package migration

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// nothingIsLeft holds a side without instances to having nothing of any: no process,
// socket, name, file, control group, device or mount. It waits: who clears away may not
// have done yet.
func (s *side) nothingIsLeft() {
	s.t.Helper()
	s.await("nothing is left on side "+s.name, func() string {
		return strings.Join(s.leftovers(), ", ")
	})
}

func (s *side) leftovers() (left []string) {
	for _, program := range []string{"hull-supervisor", "hull-vmm", "hull-netd", "hull-fsd"} {
		for _, pid := range s.Processes(program) {
			left = append(left, fmt.Sprintf("process %d, %s", pid, program))
		}
	}
	for _, dir := range []string{
		filepath.Join(s.run, "instances"), filepath.Join(s.home, "instances"),
		filepath.Join(s.home, "names"), filepath.Join(s.home, "removing"),
	} {
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			left = append(left, err.Error())
		}
		for _, e := range entries {
			left = append(left, filepath.Join(dir, e.Name()))
		}
	}
	devices, err := s.network.Devices(s.index)
	if err != nil {
		left = append(left, err.Error())
	}
	for _, d := range devices {
		left = append(left, "network device "+d)
	}
	return append(append(left, s.groups()...), s.mounts()...)
}

// groups are the control groups of instances: below Hull's own, which stays, as does that
// of supervisors, whose processes are looked for above.
func (s *side) groups() (left []string) {
	found, err := filepath.Glob(filepath.Join(s.Group, "*", "*", "cgroup.procs"))
	if err != nil {
		return []string{err.Error()}
	}
	for _, f := range found {
		if filepath.Base(filepath.Dir(f)) == "hull.supervisors" {
			continue
		}
		left = append(left, "control group "+filepath.Dir(f))
	}
	return left
}

// mounts are those of the test's own tree, and of the side's processes that are left.
func (s *side) mounts() (left []string) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return []string{err.Error()}
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 4 && strings.HasPrefix(f[4], s.base) {
			left = append(left, "mount "+f[4])
		}
	}
	return left
}
