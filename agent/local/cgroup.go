package local

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"
)

// cgroups makes a cgroup for each process below one directory of cgroup2.
type cgroups struct {
	dir string

	mu    sync.Mutex
	last  uint64
	stale []string // left with processes in them; tried again later
}

// cgroup is one process's, open to be handed to its clone. A nil one has
// nothing in it.
type cgroup struct {
	all  *cgroups
	path string
	file *os.File
}

// open makes an empty cgroup; nil where there can be none.
func (c *cgroups) open() *cgroup {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sweep()
	c.last++
	path := filepath.Join(c.dir, fmt.Sprintf("hull-%d-%d", os.Getpid(), c.last))
	if err := os.Mkdir(path, 0o755); err != nil {
		return nil
	}
	f, err := os.OpenFile(path, unix.O_DIRECTORY|unix.O_PATH, 0)
	if err != nil {
		_ = os.Remove(path)
		return nil
	}
	return &cgroup{all: c, path: path, file: f}
}

// sweep removes cgroups that were not empty before.
func (c *cgroups) sweep() {
	kept := c.stale[:0]
	for _, path := range c.stale {
		if err := unix.Rmdir(path); err == unix.EBUSY {
			kept = append(kept, path)
		}
	}
	c.stale = kept
}

// kill ends everything in the cgroup. It is false where the kernel cannot.
func (g *cgroup) kill() bool {
	return g != nil && os.WriteFile(filepath.Join(g.path, "cgroup.kill"), []byte("1"), 0) == nil
}

// close removes the cgroup once it is empty.
func (g *cgroup) close() {
	if g == nil {
		return
	}
	_ = g.file.Close()
	g.all.mu.Lock()
	defer g.all.mu.Unlock()
	g.all.stale = append(g.all.stale, g.path)
	g.all.sweep()
}
