package twohosts

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const groupRoot = "/sys/fs/cgroup"

// controllers are what the groups of machines need.
var controllers = []string{"cpu", "memory", "pids", "cpuset"}

// Host is a side with control groups of its own: what is started there takes its group for
// the root of all. So the two sides may have one machine, which has one name, at a time.
type Host struct {
	Net   *Namespace
	Group string // a directory
}

// NewHost makes the control group of a side. It takes root, and control groups of version 2.
func NewHost(n *Namespace, name string) (*Host, error) {
	for _, c := range controllers {
		if err := os.WriteFile(filepath.Join(groupRoot, "cgroup.subtree_control"), []byte("+"+c), 0); err != nil {
			return nil, fmt.Errorf("control groups of version 2: controller %s: %w", c, err)
		}
	}
	h := &Host{Net: n, Group: filepath.Join(groupRoot, fmt.Sprintf("hulltest-%d-%s", os.Getpid(), name))}
	if err := os.Mkdir(h.Group, 0o755); err != nil {
		return nil, fmt.Errorf("control group: %w", err)
	}
	return h, nil
}

// Start starts a command on the host. Its SysProcAttr is Start's.
func (h *Host) Start(cmd *exec.Cmd) error {
	group, err := os.Open(h.leaf())
	if err != nil {
		return err
	}
	defer group.Close()
	cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(group.Fd())}
	return h.Net.Do(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
			return fmt.Errorf("mounts: %w", err)
		}
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			return fmt.Errorf("mounts: %w", err)
		}
		if err := unix.Mount(h.Group, groupRoot, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("control groups: %w", err)
		}
		return cmd.Start()
	})
}

// leaf is the control group in which a command begins. Once one of Hull's has made groups
// there, the host's own may hold no process: Hull moves those that it finds into this.
func (h *Host) leaf() string {
	leaf := filepath.Join(h.Group, "init")
	if _, err := os.Stat(leaf); err == nil {
		return leaf
	}
	return h.Group
}

// Processes are those of the host that run a program, or all.
func (h *Host) Processes(program string) (pids []int) {
	_ = filepath.WalkDir(h.Group, func(path string, d fs.DirEntry, err error) error {
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

// End kills all that runs on the host, and removes its control groups.
func (h *Host) End() error {
	_ = os.WriteFile(filepath.Join(h.Group, "cgroup.kill"), []byte("1"), 0) // since Linux 5.14
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		var dirs []string
		_ = filepath.WalkDir(h.Group, func(path string, d fs.DirEntry, err error) error {
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
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("control group %s: it is not empty: %w", h.Group, err)
		}
	}
}
