package pid1

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// mount is one file system to mount.
type mount struct {
	source, target, fstype string
	flags                  uintptr
	data                   string
	optional               bool // the kernel may lack it
}

// standardMounts are what programs expect, in order.
var standardMounts = []mount{
	{"proc", "/proc", "proc", unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC, "", false},
	{"sysfs", "/sys", "sysfs", unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC, "", false},
	{"devtmpfs", "/dev", "devtmpfs", unix.MS_NOSUID, "mode=755", false},
	{"devpts", "/dev/pts", "devpts", unix.MS_NOSUID | unix.MS_NOEXEC, "mode=620,ptmxmode=666,gid=5", true},
	{"tmpfs", "/dev/shm", "tmpfs", unix.MS_NOSUID | unix.MS_NODEV, "mode=1777", true},
	{"tmpfs", "/run", "tmpfs", unix.MS_NOSUID | unix.MS_NODEV, "mode=755", true},
	{"tmpfs", "/tmp", "tmpfs", unix.MS_NOSUID | unix.MS_NODEV, "mode=1777", true},
	{"cgroup2", "/sys/fs/cgroup", "cgroup2", unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC, "", true},
}

// labMounts are for those who look into the kernel.
var labMounts = []mount{
	{"debugfs", "/sys/kernel/debug", "debugfs", unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC, "", true},
	{"tracefs", "/sys/kernel/tracing", "tracefs", unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC, "", true},
}

// do mounts m. EBUSY means that the kernel has done so itself.
func (m *mount) do() error {
	if err := os.MkdirAll(m.target, 0o755); err != nil && !m.optional {
		return err
	}
	err := unix.Mount(m.source, m.target, m.fstype, m.flags, m.data)
	if errors.Is(err, unix.EBUSY) || err == nil {
		return nil
	}
	return fmt.Errorf("mount %q on %q: %w", m.fstype, m.target, err)
}

// mountAll mounts a list; remark hears of the optional ones that fail.
func mountAll(list []mount, remark func(string)) error {
	for i := range list {
		m := &list[i]
		if err := m.do(); err != nil {
			if !m.optional {
				return err
			}
			if !errors.Is(err, unix.ENODEV) && !errors.Is(err, unix.ENOENT) { // the kernel lacks it
				remark(err.Error())
			}
		}
	}
	return nil
}

// devLinks are what devtmpfs does not make.
var devLinks = []struct{ name, to string }{
	{"/dev/fd", "/proc/self/fd"},
	{"/dev/stdin", "/proc/self/fd/0"},
	{"/dev/stdout", "/proc/self/fd/1"},
	{"/dev/stderr", "/proc/self/fd/2"},
}

func linkDevices() {
	for _, l := range devLinks {
		_ = os.Symlink(l.to, l.name) // there already, or nobody's loss
	}
}

// unmountAll unmounts what it can, the last mounted first, and makes the rest
// read-only, so that what is on disks is whole.
func unmountAll() {
	b, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return
	}
	targets := mountPoints(string(b))
	for i := len(targets) - 1; i >= 0; i-- {
		switch targets[i] {
		case "/", "/dev", "/proc", "/sys":
			continue
		}
		_ = unix.Unmount(targets[i], unix.UMOUNT_NOFOLLOW)
	}
	_ = unix.Mount("", "/", "", unix.MS_REMOUNT|unix.MS_RDONLY, "")
}

// mountPoints reads the second column of /proc/self/mounts.
func mountPoints(table string) []string {
	var list []string
	for line := range strings.Lines(table) {
		if f := strings.Fields(line); len(f) >= 2 {
			list = append(list, unescapeMount.Replace(f[1]))
		}
	}
	return list
}

// unescapeMount undoes what the kernel does to names in that table.
var unescapeMount = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
