package jail

import (
	"errors"

	"github.com/elastic/go-seccomp-bpf"
	"golang.org/x/sys/unix"
)

// System calls that are allowed, by who needs them.
var (
	// runtimeCalls are those of Go's runtime, and of reading and writing the
	// socket.
	runtimeCalls = []string{
		"read", "write", "close", "fcntl",
		"mmap", "munmap", "madvise", "mprotect", "brk", "mincore",
		"futex", "sched_yield", "sched_getaffinity", "nanosleep", "clock_gettime", "clock_nanosleep", "gettimeofday",
		"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "tgkill", "getpid", "gettid", "restart_syscall",
		"epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_wait", "eventfd2", "pipe2",
		"getrandom", "exit", "exit_group",
	}

	// readCalls find and read files. Those from setfsuid on are for who a thread is, among
	// those that its capabilities allow.
	readCalls = []string{
		"openat", "openat2", "statx", "fstat", "newfstatat", "fstatfs", "faccessat2", "readlinkat",
		"pread64", "lseek", "getdents64", "fgetxattr", "flistxattr", "fsync", "fdatasync", "syncfs",
		"setfsuid", "setfsgid", "capset", "capget", "getrlimit", "prlimit64", "geteuid", "getegid",
	}

	// writeCalls change files.
	writeCalls = []string{
		"pwrite64", "ftruncate", "fallocate", "copy_file_range",
		"mkdirat", "mknodat", "symlinkat", "linkat", "unlinkat", "renameat2",
		"fchmodat", "fchownat", "utimensat", "fsetxattr", "fremovexattr",
	}
)

// filter allows these in all threads, and answers EPERM to all others.
func filter(readOnly bool) error {
	if !seccomp.Supported() {
		return errors.New("the kernel has none")
	}
	names := append(append([]string(nil), runtimeCalls...), readCalls...)
	if !readOnly {
		names = append(names, writeCalls...)
	}
	return seccomp.LoadFilter(seccomp.Filter{
		Flag: seccomp.FilterFlagTSync,
		Policy: seccomp.Policy{
			DefaultAction: seccomp.ActionErrno,
			Syscalls: []seccomp.SyscallGroup{{
				Action: seccomp.ActionAllow,
				Names:  names,
				NamesWithCondtions: []seccomp.NameWithConditions{
					// A thread, and no process.
					{Name: "clone", Conditions: seccomp.ArgumentConditions{{Argument: 0, Operation: seccomp.BitsSet, Value: unix.CLONE_THREAD}}},
					// The runtime names its memory.
					{Name: "prctl", Conditions: seccomp.ArgumentConditions{{Argument: 0, Operation: seccomp.Equal, Value: unix.PR_SET_VMA}}},
				},
			}},
		},
	})
}
