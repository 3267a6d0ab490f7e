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
	files, err := filepath.Glob(fmt.Sprintf("%s/kvm/%d-*/exits", debugfs, pid))
	if err != nil {
		return 0, err
	}
	if len(files) == 0 {
		return 0, fmt.Errorf("process %d: KVM counts nothing for it", pid)
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
