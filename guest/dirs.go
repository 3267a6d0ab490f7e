package guest

import (
	"os"
	"path/filepath"
)

// Dirs are where Hull keeps kernels and what it can make again, and where its
// guest programs are.
type Dirs struct {
	Home     string // what holds the rest, and instances
	Kernels  string // the kernel store
	Cache    string // decompressed kernels, initrds
	Programs string // hull-agent and hull-shell
}

// DirsFromEnv chooses the directories. HULL_HOME holds everything; without it
// that is /var/lib/hull for root, and the XDG base directories for others. The
// programs are in HULL_PROGRAMS, or beside the running one. HULL_CACHE_DIR
// moves the cache alone.
func DirsFromEnv(getenv func(string) string) Dirs {
	home := getenv("HULL_HOME")
	cache := ""
	switch {
	case home != "":
	case os.Geteuid() == 0:
		home = "/var/lib/hull"
	default:
		user := getenv("HOME")
		data, xdgCache := getenv("XDG_DATA_HOME"), getenv("XDG_CACHE_HOME")
		if data == "" {
			data = filepath.Join(user, ".local", "share")
		}
		if xdgCache == "" {
			xdgCache = filepath.Join(user, ".cache")
		}
		home, cache = filepath.Join(data, "hull"), filepath.Join(xdgCache, "hull")
	}
	if cache == "" {
		cache = filepath.Join(home, "cache")
	}
	if c := getenv("HULL_CACHE_DIR"); c != "" {
		cache = c
	}
	programs := getenv("HULL_PROGRAMS")
	if programs == "" {
		if self, err := os.Executable(); err == nil {
			programs = filepath.Dir(self)
		}
	}
	return Dirs{Home: home, Kernels: filepath.Join(home, "kernels"), Cache: cache, Programs: programs}
}
