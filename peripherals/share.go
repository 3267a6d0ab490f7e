package peripherals

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/devices/virtio/fs"
	"github.com/hullvm/hull/fsd/spawn"
)

func (s *Set) addShare(c *configs.Share) error {
	name := fmt.Sprintf("share %q", c.Name)
	dir, err := openDir(c.Path)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	defer dir.Close()
	server, err := spawn.Start(spawn.Config{
		Program: filepath.Join(s.options.Programs, "hull-fsd"), Dir: dir,
		ReadOnly: c.ReadOnly, Cache: string(c.Cache), Stderr: s.options.Messages,
	})
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	s.onClose(name, func() error { return awaitEnd(server.Process) })
	log := s.options.Log
	d, err := fs.New(fs.Config{Tag: c.Name, Server: server.Conn, Report: func(err error) {
		log.Error("share failed", "share", c.Name, "cause", err)
	}})
	if err != nil {
		return err // it has closed the socket
	}
	s.onClose(name, d.Close)
	s.add(name, d)
	return nil
}

// openDir opens a folder, and nothing else, without reading it.
func openDir(path string) (*os.File, error) {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open %q: %w", path, err)
	}
	return os.NewFile(uintptr(fd), path), nil
}

// endTime is how long a process may take to end whose socket was closed.
const endTime = 5 * time.Second

// awaitEnd waits for the end of a process that was told to end, and kills it when
// it does not. How it ended is of no interest then.
func awaitEnd(cmd *exec.Cmd) error {
	timer := time.AfterFunc(endTime, func() { _ = cmd.Process.Kill() })
	err := cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) && !timer.Stop() {
		return fmt.Errorf("process %d did not end within %v, and was killed", cmd.Process.Pid, endTime)
	}
	timer.Stop()
	return err
}
