package measure

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const debugfs = "/sys/kernel/debug"

// Exits is how often KVM has left the guests of a process, by the counters in
// debugfs, which is mounted where it is not.
func Exits(pid int) (uint64, error) {
	if _, err := os.Stat(debugfs + "/kvm"); err != nil {
		if err := unix.Mount("debugfs", debugfs, "debugfs", 0, ""); err != nil {
			return 0, fmt.Errorf("debugfs: mount: %w", err)
		}
	}
	files, err := exitFiles(pid)
	if err != nil {
		return 0, err
	}
	var sum uint64
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			return 0, err
		}
		n, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

// exitFiles are the counters of a process's machines. KVM names them by the
// thread that made the machine, which may have ended since: then a host with one
// machine still has only one counter.
func exitFiles(pid int) ([]string, error) {
	all, err := filepath.Glob(debugfs + "/kvm/*-*/exits")
	if err != nil {
		return nil, err
	}
	var own []string
	for _, f := range all {
		thread, _, _ := strings.Cut(filepath.Base(filepath.Dir(f)), "-")
		if _, err := os.Stat(fmt.Sprintf("/proc/%d/task/%s", pid, thread)); err == nil {
			own = append(own, f)
		}
	}
	switch {
	case len(own) > 0:
		return own, nil
	case len(all) == 1:
		return all, nil
	}
	return nil, fmt.Errorf("process %d: KVM counts nothing for it, and has %d machines", pid, len(all))
}
