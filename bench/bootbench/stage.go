package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// stagedFiles are copies of what the monitors read. In a lab host all files come
// over a share that caches next to nothing, so that each start of each monitor
// would be measured with the time that its files take to come over it.
type stagedFiles struct {
	dir    string
	holder *exec.Cmd // keeps QEMU's program and libraries in memory
}

// stage copies the images and the small monitors, and makes o name the copies.
// QEMU and its libraries cannot be copied as simply: a QEMU without a machine
// runs meanwhile, so that their pages stay.
func stage(o *options) (_ *stagedFiles, err error) {
	s := new(stagedFiles)
	if s.dir, err = os.MkdirTemp("", "bootbench-files"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.remove()
		}
	}()
	for _, path := range []*string{&o.bzImage, &o.vmlinux, &o.initrd, &o.hull, &o.gokvm} {
		to := filepath.Join(s.dir, filepath.Base(*path))
		if _, err := os.Stat(to); err == nil {
			return nil, fmt.Errorf("file %q: another one has the same name", *path)
		}
		if err := copyFile(to, *path); err != nil {
			return nil, err
		}
		*path = to
	}
	s.holder = exec.Command(o.qemu, "-M", "none", "-S", "-nodefaults", "-no-user-config", "-display", "none")
	if err := s.holder.Start(); err != nil {
		s.holder = nil
		return nil, fmt.Errorf("QEMU: %w", err)
	}
	return s, nil
}

func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

func (s *stagedFiles) remove() {
	if s.holder != nil {
		_ = s.holder.Process.Kill()
		_ = s.holder.Wait()
	}
	_ = os.RemoveAll(s.dir)
}
