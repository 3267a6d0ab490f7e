package monitor

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/monitor/startup"
)

// inherited are the descriptors behind the fixed ones that the process was started
// with: the runtime's own, which are there by now, do not outlive a program's start.
// It is asked before /proc is out of reach.
func inherited() ([]int, error) {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return nil, err
	}
	var list []int
	for _, e := range entries {
		fd, err := strconv.Atoi(e.Name())
		if err != nil {
			return nil, fmt.Errorf("descriptor %q: %w", e.Name(), err)
		}
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if err == nil && flags&unix.FD_CLOEXEC == 0 && fd >= startup.FirstFD {
			list = append(list, fd)
		}
	}
	return list, nil
}

// closeStrays closes those of the list that nobody handed over, but who started the
// process had left open: the manifest's are count from startup.FirstFD on.
func closeStrays(list []int, count int) error {
	for _, fd := range list {
		if fd < startup.FirstFD+count {
			continue
		}
		if err := unix.Close(fd); err != nil {
			return fmt.Errorf("descriptor %d: close: %w", fd, err)
		}
	}
	return nil
}
