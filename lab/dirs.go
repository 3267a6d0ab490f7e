package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Dirs are where the lab keeps things.
type Dirs struct {
	// State has a directory for each host, on a file system that a restart of
	// the machine empties where there is one.
	State string

	// Cache has what can be made again: the mended emulator, initrds.
	Cache string
}

// DirsFromEnv chooses the directories: HULL_LAB_DIR and HULL_CACHE_DIR, else
// the XDG base directories, and /run for root.
func DirsFromEnv(getenv func(string) string) (Dirs, error) {
	var d Dirs
	home := getenv("HOME")
	switch {
	case getenv("HULL_LAB_DIR") != "":
		d.State = getenv("HULL_LAB_DIR")
	case os.Geteuid() == 0:
		d.State = "/run/hull/lab"
	case getenv("XDG_RUNTIME_DIR") != "":
		d.State = filepath.Join(getenv("XDG_RUNTIME_DIR"), "hull", "lab")
	case getenv("XDG_STATE_HOME") != "":
		d.State = filepath.Join(getenv("XDG_STATE_HOME"), "hull", "lab")
	case home != "":
		d.State = filepath.Join(home, ".local", "state", "hull", "lab")
	}
	switch {
	case getenv("HULL_CACHE_DIR") != "":
		d.Cache = getenv("HULL_CACHE_DIR")
	case getenv("XDG_CACHE_HOME") != "":
		d.Cache = filepath.Join(getenv("XDG_CACHE_HOME"), "hull")
	case home != "":
		d.Cache = filepath.Join(home, ".cache", "hull")
	}
	for _, dir := range []*string{&d.State, &d.Cache} {
		if *dir == "" {
			return d, errors.New("lab: no place for its files: set HOME, or HULL_LAB_DIR and HULL_CACHE_DIR")
		}
		abs, err := filepath.Abs(*dir)
		if err != nil {
			return d, fmt.Errorf("lab: directory %q: %w", *dir, err)
		}
		*dir = abs
	}
	return d, nil
}

// makePrivate makes a directory that only its owner can enter, or refuses one
// that is someone else's: who can write there can run programs as us.
func makePrivate(dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return fmt.Errorf("lab: directory %q: create: %w", dir, reason(err))
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("lab: directory %q: create: %w", dir, reason(err))
	}
	return checkPrivate(dir)
}

func checkPrivate(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return fmt.Errorf("lab: directory %q: look up: %w", dir, reason(err))
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !info.IsDir():
		return fmt.Errorf("lab: directory %q: is no directory", dir)
	case !ok || int(owner.Uid) != os.Geteuid():
		return fmt.Errorf("lab: directory %q: belongs to another user", dir)
	case info.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("lab: directory %q: others can enter it (mode %v): chmod 700", dir, info.Mode().Perm())
	}
	return nil
}
