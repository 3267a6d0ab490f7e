package freezer

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// strayGroup is where processes go that are found in no group, which cannot be
// frozen: the kernel was too old to start them in one, or they went there.
const strayGroup = "hull-strays"

// gather moves the processes that are in dir itself, but for this one and the
// kernel's, into a group. It reports how many there were.
func (f *Freezer) gather() (n int, err error) {
	pids, err := members(f.dir)
	if err != nil {
		return 0, err
	}
	me := self()
	for _, pid := range pids {
		if pid == me || !isProgram(pid) {
			continue
		}
		to := filepath.Join(f.dir, strayGroup)
		if err := os.Mkdir(to, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return n, fmt.Errorf("group for process %s: %w", pid, err)
		}
		if err := write(to, "cgroup.procs", pid); err != nil && !errors.Is(err, unix.ESRCH) {
			return n, fmt.Errorf("process %s is in no group and cannot be moved: %w", pid, err)
		}
		n++
	}
	return n, nil
}

// comeOut moves this process back into dir itself where something has moved it
// into a group, as programs do that run containers: it would freeze itself.
func (f *Freezer) comeOut() error {
	me, inside := self(), false
	err := filepath.WalkDir(f.dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case isGone(err):
			return nil
		case err != nil:
			return err
		case !d.IsDir() || path == f.dir:
			return nil
		}
		pids, err := members(path)
		for _, pid := range pids {
			inside = inside || pid == me
		}
		if isGone(err) || errors.Is(err, unix.EOPNOTSUPP) { // of a group of threads
			return nil
		}
		if err == nil && inside {
			return fs.SkipAll
		}
		return err
	})
	if err == nil && inside {
		err = write(f.dir, "cgroup.procs", me)
	}
	if err != nil {
		return fmt.Errorf("look for the agent's own group: %w", err)
	}
	return nil
}

// members are the processes in a group itself.
func members(group string) ([]string, error) {
	f, err := os.Open(filepath.Join(group, "cgroup.procs"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var pids []string
	s := bufio.NewScanner(f)
	for s.Scan() {
		pids = append(pids, s.Text())
	}
	return pids, s.Err()
}

// isProgram is false for the kernel's own threads, which are no processes, and
// for what is gone.
func isProgram(pid string) bool {
	b, err := os.ReadFile(filepath.Join("/proc", pid, "stat"))
	return err == nil && !parseKernelThread(string(b))
}

// kernelThread is PF_KTHREAD of the kernel's include/linux/sched.h.
const kernelThread = 0x00200000

// statFlags is the field of /proc/PID/stat, counted from behind the name, that
// holds it: proc_pid_stat(5), flags.
const statFlags = 6

// parseKernelThread reads /proc/PID/stat. The name in it may hold anything.
func parseKernelThread(stat string) bool {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) <= statFlags {
		return false
	}
	flags, err := strconv.ParseUint(fields[statFlags], 10, 64)
	return err == nil && flags&kernelThread != 0
}

// parseFrozen reads cgroup.events.
func parseFrozen(events string) bool {
	for line := range strings.Lines(events) {
		if f := strings.Fields(line); len(f) == 2 && f[0] == "frozen" {
			return f[1] == "1"
		}
	}
	return false
}
