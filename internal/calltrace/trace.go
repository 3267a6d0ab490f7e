package calltrace

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"

	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/sys/unix"
)

// trace counts until all that is traced has ended. One thread does it.
func trace(pid string) error {
	runtime.LockOSThread()
	names := make(map[uint64]string)
	for name, number := range arch.X86_64.SyscallNames {
		names[uint64(number)] = name
	}
	t := tracer{names: names, counts: Counts{Calls: make(map[string]int), Requests: make(map[uint32]int)}}
	if err := t.seize(pid); err != nil {
		return err
	}
	fmt.Print(attached)
	for {
		var status unix.WaitStatus
		tid, err := unix.Wait4(-1, &status, unix.WALL, nil)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.ECHILD):
			return json.NewEncoder(os.Stdout).Encode(t.counts)
		case err != nil:
			return err
		}
		if err := t.stopped(tid, status); err != nil && !errors.Is(err, unix.ESRCH) { // it was killed meanwhile
			return fmt.Errorf("thread %d: %w", tid, err)
		}
	}
}

type tracer struct {
	names  map[uint64]string
	counts Counts
}

const options = unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_TRACEFORK | unix.PTRACE_O_TRACEVFORK

// seize takes all threads of a process, those too that begin meanwhile.
func (t *tracer) seize(pid string) error {
	seen := make(map[int]bool)
	for more := true; more; {
		more = false
		tasks, err := os.ReadDir("/proc/" + pid + "/task")
		if err != nil {
			return err
		}
		for _, task := range tasks {
			tid, err := strconv.Atoi(task.Name())
			if err != nil {
				return err
			}
			if seen[tid] {
				continue
			}
			seen[tid], more = true, true
			err = seizeThread(tid)
			// A thread that another one has begun since is traced already.
			if err != nil && !errors.Is(err, unix.ESRCH) && !errors.Is(err, unix.EPERM) {
				return fmt.Errorf("thread %d: %w", tid, err)
			}
			if err != nil && len(seen) == 1 {
				return fmt.Errorf("process %s: %w", pid, err)
			}
			if err == nil {
				_ = unix.PtraceInterrupt(tid) // the first stop, from where calls are seen
			}
		}
	}
	return nil
}

// stopped goes on with a thread that has stopped.
func (t *tracer) stopped(tid int, status unix.WaitStatus) error {
	if !status.Stopped() {
		return nil
	}
	const (
		call = unix.SIGTRAP | 0x80 // PTRACE_O_TRACESYSGOOD
	)
	signal := status.StopSignal()
	switch {
	case signal == call:
		if err := t.count(tid); err != nil {
			return err
		}
		return unix.PtraceSyscall(tid, 0)
	case status>>16 != 0: // an event, or a stop of the whole group
		return unix.PtraceSyscall(tid, 0)
	}
	return unix.PtraceSyscall(tid, int(signal))
}

// enters is what a call's result is while the call has not been made: -ENOSYS.
const enters = ^uint64(unix.ENOSYS) + 1

func (t *tracer) count(tid int) error {
	var regs unix.PtraceRegs
	if err := unix.PtraceGetRegs(tid, &regs); err != nil || regs.Rax != enters {
		return err
	}
	name := t.names[regs.Orig_rax]
	if name == "" {
		name = fmt.Sprintf("call %d", regs.Orig_rax)
	}
	t.counts.Calls[name]++
	if name == "ioctl" {
		t.counts.Requests[uint32(regs.Rsi)]++
	}
	return nil
}
