package measure

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Stat is some of what the kernel counts of a process, from its start on.
type Stat struct {
	User, System time.Duration // to 10 ms
	MinorFaults  uint64        // pages that were made or found without reading a disk
	MajorFaults  uint64
	Threads      int
}

// clockTick is the unit of times in /proc, which is the same on all of Linux.
const clockTick = 10 * time.Millisecond

// StatOf asks for a process's counts.
func StatOf(pid int) (Stat, error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return Stat{}, err
	}
	s, err := parseStat(string(text))
	if err != nil {
		return Stat{}, fmt.Errorf("process %d: stat: %w", pid, err)
	}
	return s, nil
}

// parseStat reads proc_pid_stat(5). The second word is the program's name in
// brackets, and may hold anything, brackets too.
func parseStat(text string) (Stat, error) {
	// The numbers of the words behind the name, from 0.
	const minflt, majflt, utime, stime, threads = 7, 9, 11, 12, 17
	end := strings.LastIndexByte(text, ')')
	if end < 0 {
		return Stat{}, errors.New("no name in brackets")
	}
	words := strings.Fields(text[end+1:])
	if len(words) <= threads {
		return Stat{}, fmt.Errorf("%d words behind the name", len(words))
	}
	var n [threads + 1]uint64
	for _, i := range []int{minflt, majflt, utime, stime, threads} {
		var err error
		if n[i], err = strconv.ParseUint(words[i], 10, 53); err != nil {
			return Stat{}, err
		}
	}
	const most = uint64(1<<63-1) / uint64(clockTick)
	return Stat{
		User: time.Duration(min(n[utime], most)) * clockTick, System: time.Duration(min(n[stime], most)) * clockTick,
		MinorFaults: n[minflt], MajorFaults: n[majflt], Threads: int(n[threads]),
	}, nil
}

// CPUTime is how long all threads of a process have run, those that have ended too:
// user and system time together, to the nanosecond.
func CPUTime(pid int) (time.Duration, error) {
	// The clock of another process's CPU time (CPUCLOCK_SCHED in the kernel's
	// posix-timers.h): the complement of its number, three bits up.
	const sched = 2
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|sched), &t); err != nil {
		return 0, fmt.Errorf("process %d: CPU time: %w", pid, err)
	}
	return time.Duration(t.Nano()), nil
}
