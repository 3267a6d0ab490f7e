package pid1

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

const (
	cgroupRoot = "/sys/fs/cgroup"

	// guestCgroup is below which each process has a cgroup of its own.
	guestCgroup = cgroupRoot + "/hull"

	// mainGroup is the main process's, below guestCgroup.
	mainGroup = "main"
)

// makeGroups makes the directory of the groups; "" where the kernel has no
// cgroup2.
func makeGroups(dir string) string {
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return ""
	}
	return dir
}

// openGroup makes a group and opens it, to be handed to a clone; nil where there
// can be none.
func openGroup(groups, name string) *os.File {
	if groups == "" {
		return nil
	}
	dir := makeGroups(filepath.Join(groups, name))
	if dir == "" {
		return nil
	}
	f, err := os.OpenFile(dir, unix.O_DIRECTORY|unix.O_PATH, 0)
	if err != nil {
		return nil
	}
	return f
}

// retire lets all processes go on for good, so that they can end.
func (s *system) retire() {
	if err := s.freezer.Retire(); err != nil {
		say(err.Error())
	}
}
