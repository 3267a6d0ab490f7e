package jail

// Call is a system call that is allowed, and what for.
type Call struct {
	Name string
	Why  string

	// Rare says when it is made, where that is seldom: a test that watches a
	// process does not wait for it then.
	Rare string
}

// Runtime are the system calls of Go's runtime, and those that read and write
// sockets and pipes.
func Runtime() []Call {
	return []Call{
		{Name: "read", Why: "sockets, pipes, eventfds"},
		{Name: "write", Why: "sockets, pipes, eventfds"},
		{Name: "futex", Why: "a thread waits for another"},
		{Name: "epoll_pwait", Why: "goroutines wait for descriptors"},
		{Name: "epoll_ctl", Why: "a descriptor is watched"},
		{Name: "epoll_create1", Why: "the runtime's watch of descriptors, and a device's own", Rare: "at the start, and with vsock"},
		{Name: "epoll_wait", Why: "a device looks at what is ready", Rare: "with vsock"},
		{Name: "eventfd2", Why: "wakes the runtime's watch; notifications of queues"},
		{Name: "nanosleep", Why: "the runtime's monitor thread, and a thread that spins"},
		{Name: "clock_gettime", Why: "the time where the vDSO has none", Rare: "the vDSO answers without the kernel"},
		{Name: "gettimeofday", Why: "the time where the vDSO has none", Rare: "the vDSO answers without the kernel"},
		{Name: "clock_nanosleep", Why: "a thread that sleeps for the runtime", Rare: "the runtime uses nanosleep so far"},
		{Name: "sched_yield", Why: "a thread that waits for a lock", Rare: "only under contention"},
		{Name: "sched_getaffinity", Why: "how many processors there are, looked at again and again", Rare: "after the first time only every second"},
		{Name: "pread64", Why: "how much of the processors the control group has, each second; files", Rare: "where a control group limits processors, or files are read"},
		{Name: "close", Why: "descriptors"},
		{Name: "fcntl", Why: "descriptors: flags, duplicates, locks"},
		{Name: "madvise", Why: "memory is given back, or wanted in large pages"},
		{Name: "munmap", Why: "memory is given back"},
		{Name: "brk", Why: "the runtime's arena", Rare: "not on amd64 so far"},
		{Name: "mincore", Why: "which pages there are", Rare: "the runtime asks at its start, and who asks for statistics"},
		{Name: "rt_sigprocmask", Why: "a thread is started"},
		{Name: "sigaltstack", Why: "a thread's stack for signals"},
		{Name: "rt_sigaction", Why: "signals are taken or ignored", Rare: "at the start"},
		{Name: "rt_sigreturn", Why: "a signal was handled", Rare: "only after a signal"},
		{Name: "tgkill", Why: "a thread of this process is interrupted", Rare: "only when one is"},
		{Name: "getpid", Why: "for tgkill", Rare: "only with tgkill"},
		{Name: "gettid", Why: "a thread is started"},
		{Name: "restart_syscall", Why: "the kernel goes on after a stop", Rare: "only after SIGSTOP or a debugger"},
		{Name: "pipe2", Why: "the runtime's watch on older systems", Rare: "not with eventfd2"},
		{Name: "getrandom", Why: "random numbers", Rare: "the vDSO answers, and the runtime asks at its start"},
		{Name: "exit", Why: "a thread ends", Rare: "only threads that are locked end"},
		{Name: "exit_group", Why: "the process ends"},
	}
}

// RuntimeConditional are the runtime's calls that are allowed with some arguments.
func RuntimeConditional() []Call {
	return []Call{
		{Name: "clone", Why: "a thread, and no process (CLONE_THREAD)"},
		{Name: "mmap", Why: "memory, and no code (not PROT_EXEC)"},
		{Name: "mprotect", Why: "memory, and no code (not PROT_EXEC)", Rare: "only where the heap grows in an odd way"},
		{Name: "prctl", Why: "memory is given a name (PR_SET_VMA)", Rare: "only where the kernel has names for memory"},
	}
}

// names are those of calls.
func names(calls []Call) []string {
	var list []string
	for _, c := range calls {
		list = append(list, c.Name)
	}
	return list
}
