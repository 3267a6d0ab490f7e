package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/agent/bootconf"
	"github.com/hullvm/hull/bench/figures"
)

// root is where the root disk is mounted; the programs see it as /.
const root = "/mnt"

// diskTime is how long a driver may take to find its disk.
const diskTime = 30 * time.Second

func mountKernel() error {
	for _, m := range [][2]string{{"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"}} {
		if err := os.MkdirAll(m[1], 0o755); err != nil {
			return err
		}
		// The kernel may have mounted devtmpfs itself.
		if err := unix.Mount(m[0], m[1], m[0], 0, ""); err != nil && !errors.Is(err, unix.EBUSY) {
			return fmt.Errorf("mount %s: %w", m[1], err)
		}
	}
	return nil
}

// loadModules loads what the initrd's builder has listed for its /init.
func loadModules() error {
	f, err := os.Open(bootconf.Path)
	if err != nil {
		return err
	}
	defer f.Close()
	job, err := bootconf.Decode(f)
	if err != nil {
		return err
	}
	for _, m := range job.Modules {
		if err := loadModule(m); err != nil && !m.Optional {
			return err
		}
	}
	return nil
}

func loadModule(m bootconf.Module) error {
	f, err := os.Open(m.Path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.FinitModule(int(f.Fd()), m.Params, 0); err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("module %q: %w", m.Path, err)
	}
	return nil
}

func mountRoot() error {
	device, err := findDisk(figures.RootDisk)
	if err != nil {
		return err
	}
	if err := unix.Mount(device, root, "ext4", unix.MS_RDONLY, ""); err != nil {
		return fmt.Errorf("mount %s: %w", device, err)
	}
	for _, m := range [][2]string{{"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"}, {"tmpfs", "/tmp"}} {
		if err := unix.Mount(m[0], root+m[1], m[0], 0, ""); err != nil {
			return fmt.Errorf("mount %s: %w", root+m[1], err)
		}
	}
	return nil
}

// findDisk is the device of the disk with a serial number.
func findDisk(serial string) (string, error) {
	for end := time.Now().Add(diskTime); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		files, _ := filepath.Glob("/sys/block/vd*/serial")
		for _, f := range files {
			if b, err := os.ReadFile(f); err == nil && strings.TrimSpace(string(b)) == serial {
				return "/dev/" + filepath.Base(filepath.Dir(f)), nil
			}
		}
	}
	return "", fmt.Errorf("disk %q: not there after %v", serial, diskTime)
}

// output runs a program of the root disk and returns what it printed.
func output(args ...string) ([]byte, error) {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Path = args[0] // in the other root: not to be looked up in this one
	cmd.Err = nil
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=/usr/bin:/bin", "HOME=/tmp", "TMPDIR=/tmp", "LC_ALL=C"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root}
	var complaints strings.Builder
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%s: %w: %.300s", filepath.Base(args[0]), err, complaints.String())
	}
	return out, err
}
