package host

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/fsd/spawn"
	"github.com/hullvm/hull/peripherals/handover"
)

func (h *Host) openShare(c *configs.Share) error {
	name := fmt.Sprintf("share %q", c.Name)
	dir, err := openDir(c.Path)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	defer dir.Close()
	server, err := spawn.Start(spawn.Config{
		Program: filepath.Join(h.options.Programs, "hull-fsd"), Dir: dir,
		ReadOnly: c.ReadOnly, Cache: string(c.Cache), Stderr: h.options.Messages,
	})
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	h.Files.Add(handover.Share, c.Name, server.Conn)
	return h.serve(name, server.Process)
}

// openDir opens a folder, and nothing else, without reading it.
func openDir(path string) (*os.File, error) {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open %q: %w", path, err)
	}
	return os.NewFile(uintptr(fd), path), nil
}
