package measure

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Thread is what the kernel counted of one thread.
type Thread struct {
	Switches uint64 // voluntary and involuntary context switches since its start
	VCPU     bool   // it ran a virtual CPU at that moment, or waited in one
}

// Threads are the threads of a process, by their ids.
func Threads(pid int) (map[int]Thread, error) {
	dir := fmt.Sprintf("/proc/%d/task", pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	out := make(map[int]Thread)
	for _, e := range entries {
		id, err := strconv.Atoi(e.Name())
		if err != nil {
			return nil, err
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name(), "status"))
		if errors.Is(err, fs.ErrNotExist) {
			continue // it has ended meanwhile
		}
		if err != nil {
			return nil, err
		}
		t, err := threadOf(string(text))
		if err != nil {
			return nil, fmt.Errorf("thread %d: %w", id, err)
		}
		// A thread that is running has no more to say than that.
		call, _ := os.ReadFile(filepath.Join(dir, e.Name(), "syscall"))
		t.VCPU = inGuest(string(call))
		out[id] = t
	}
	return out, nil
}

func threadOf(status string) (Thread, error) {
	var t Thread
	found := 0
	for line := range strings.Lines(status) {
		name, rest, _ := strings.Cut(line, ":")
		rest = strings.TrimSpace(rest)
		switch name {
		case "voluntary_ctxt_switches", "nonvoluntary_ctxt_switches":
			n, err := strconv.ParseUint(rest, 10, 64)
			if err != nil {
				return Thread{}, err
			}
			t.Switches += n
			found++
		}
	}
	if found != 2 {
		return Thread{}, errors.New("no context switches are accounted for")
	}
	return t, nil
}

// inGuest reads what a thread called: "16 0x1f 0xae80 ..." is ioctl with KVM_RUN.
func inGuest(call string) bool {
	fields := strings.Fields(call)
	return len(fields) > 2 && fields[0] == "16" && fields[2] == "0xae80"
}

// Switched is how often threads were switched to between two looks: all of them,
// and those beside the virtual CPUs.
func Switched(before, after map[int]Thread) (all, others uint64) {
	for id, t := range after {
		n := t.Switches - before[id].Switches // a new thread had none
		all += n
		if !t.VCPU && !before[id].VCPU {
			others += n
		}
	}
	return all, others
}
