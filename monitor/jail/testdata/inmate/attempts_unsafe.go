package main

import (
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/kvm"
)

// trial is what an attempt needs to know.
type trial struct {
	before int    // a descriptor of the old root
	secret string // a file outside
	victim int    // a process outside
}

func (t trial) attempts() map[string]func() error {
	open := func(dir int, path string, flags int) error {
		return fd(unix.Openat(dir, path, flags|unix.O_CLOEXEC, 0o600))
	}
	return map[string]func() error{
		// Files.
		"open a file of the host":     func() error { return open(unix.AT_FDCWD, t.secret, 0) },
		"open a file by a descriptor": func() error { return open(t.before, t.secret[1:], 0) },
		"open the root":               func() error { return open(unix.AT_FDCWD, "/", unix.O_DIRECTORY) },
		"open a device":               func() error { return open(unix.AT_FDCWD, "/dev/zero", 0) },
		"make a file":                 func() error { return open(unix.AT_FDCWD, "/x", unix.O_CREAT|unix.O_RDWR) },
		"make a folder":               func() error { return unix.Mkdir("/x", 0o700) },
		"make a device":               func() error { return unix.Mknod("/x", unix.S_IFBLK, 0x801) },
		"remove a file":               func() error { return unix.Unlink(t.secret) },
		"open in another way":         func() error { return fd(unix.Openat2(t.before, t.secret[1:], &unix.OpenHow{})) },
		"open by a handle":            func() error { return raw(unix.SYS_OPEN_BY_HANDLE_AT, uintptr(t.before), 0, 0) },
		"look at a file":              func() error { return unix.Stat(t.secret, new(unix.Stat_t)) },
		"change directory":            func() error { return unix.Fchdir(t.before) },
		"change the root":             func() error { return unix.Chroot(".") },
		"mount":                       func() error { return unix.Mount("none", "/", "tmpfs", 0, "") },
		"clone a mount":               func() error { return fd(unix.OpenTree(t.before, "", unix.OPEN_TREE_CLONE|unix.AT_EMPTY_PATH)) },
		"make a file system":          func() error { return fd(unix.Fsopen("tmpfs", 0)) },
		"watch files":                 func() error { return fd(unix.InotifyInit1(0)) },

		// Processes.
		"see a process of the host": func() error { return open(unix.AT_FDCWD, "/proc/1/cmdline", 0) },
		"see itself":                func() error { return open(unix.AT_FDCWD, "/proc/self/maps", 0) },
		"run a program":             func() error { return syscall.Exec("/proc/self/exe", []string{"x"}, nil) },
		"run a program of memory":   runMemory,
		"fork":                      func() error { return fork(unix.SIGCHLD) },
		// Whose signal has the number of a call that is allowed: mmap, mprotect.
		"fork by one signal":          func() error { return fork(9) },
		"fork by another signal":      func() error { return fork(10) },
		"trace":                       func() error { return unix.PtraceSeize(t.victim) },
		"read a process's memory":     func() error { return raw(unix.SYS_PROCESS_VM_READV, uintptr(t.victim), 0, 0) },
		"take a process's descriptor": func() error { return fd(unix.PidfdOpen(t.victim, 0)) },
		"send a signal":               func() error { return unix.Kill(t.victim, 0) },
		"interrupt a thread outside":  func() error { return unix.Tgkill(t.victim, t.victim, 0) },
		"stop all processes":          func() error { return unix.Kill(-1, unix.SIGSTOP) },
		"leave for a namespace":       func() error { return unix.Unshare(unix.CLONE_NEWUSER) },
		"enter a namespace":           func() error { return unix.Setns(t.before, 0) },
		"become root":                 func() error { return raw(unix.SYS_SETUID, 0, 0, 0) },
		"get capabilities":            func() error { return raw(unix.SYS_CAPSET, 0, 0, 0) },
		"raise a limit":               func() error { return unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 1 << 20, Max: 1 << 20}) },
		"be looked into again":        func() error { return unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0) },
		"choose a processor":          func() error { return unix.SchedSetaffinity(0, &unix.CPUSet{1}) },
		"be first":                    func() error { return unix.Setpriority(unix.PRIO_PROCESS, 0, -20) },

		// The network.
		"make a TCP socket":     func() error { return fd(unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)) },
		"make a UDP socket":     func() error { return fd(unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM, 0)) },
		"make a unix socket":    func() error { return fd(unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)) },
		"make a raw socket":     func() error { return fd(unix.Socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP)) },
		"make a packet socket":  func() error { return fd(unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0)) },
		"make a netlink socket": func() error { return fd(unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW, 0)) },
		"make a vsock socket":   func() error { return fd(unix.Socket(unix.AF_VSOCK, unix.SOCK_STREAM, 0)) },
		"connect":               func() error { return unix.Connect(0, &unix.SockaddrUnix{Name: "/x"}) },
		"bind":                  func() error { return unix.Bind(0, &unix.SockaddrUnix{Name: "@x"}) },
		"listen":                func() error { return unix.Listen(0, 1) },
		"make a pair of sockets": func() error {
			_, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
			return err
		},

		// The kernel.
		"use io_uring":         func() error { return raw(unix.SYS_IO_URING_SETUP, 1, 0, 0) },
		"use bpf":              func() error { return raw(unix.SYS_BPF, 0, 0, 0) },
		"use userfaultfd":      func() error { return raw(unix.SYS_USERFAULTFD, 0, 0, 0) },
		"measure":              func() error { return raw(unix.SYS_PERF_EVENT_OPEN, 0, 0, 0) },
		"use keys":             func() error { return raw(unix.SYS_KEYCTL, 0, 0, 0) },
		"load a filter":        func() error { return raw(unix.SYS_SECCOMP, 0, 0, 0) },
		"load a module":        func() error { return raw(unix.SYS_FINIT_MODULE, 0, 0, 0) },
		"start another kernel": func() error { return raw(unix.SYS_KEXEC_LOAD, 0, 0, 0) },
		"set the clock":        func() error { return unix.Settimeofday(&unix.Timeval{}) },
		"restart the host":     func() error { return unix.Reboot(unix.LINUX_REBOOT_CMD_CAD_OFF) },
		"read the kernel's log": func() error {
			_, err := unix.Klogctl(unix.SYSLOG_ACTION_READ_ALL, make([]byte, 10))
			return err
		},
		"use System V's objects": func() error { return raw(unix.SYS_SHMGET, 0, 4096, 0o600) },
		"use the 32-bit calls":   func() error { return raw(0x40000000|unix.SYS_GETPID, 0, 0, 0) },

		// Requests to descriptors.
		"type into a terminal":       func() error { return unix.IoctlSetInt(0, unix.TIOCSTI, 0) },
		"make a tap":                 func() error { return unix.IoctlSetInt(0, unix.TUNSETIFF, 0) },
		"a request of KVM's":         func() error { return unix.IoctlSetInt(0, uint(kvm.Numbers()["KVM_RUN"]), 0) },
		"a device of KVM's":          func() error { return unix.IoctlSetInt(0, 0xc00caee0, 0) }, // KVM_CREATE_DEVICE
		"have a thread's descriptor": func() error { return fd(unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, 0)) },

		// Memory.
		"make memory code": func() error {
			_, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_EXEC, unix.MAP_PRIVATE|unix.MAP_ANON)
			return err
		},
		"turn memory into code": func() error {
			b, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
			if err != nil {
				return err
			}
			return unix.Mprotect(b, unix.PROT_READ|unix.PROT_EXEC)
		},
		"turn memory into code by its key": func() error {
			return raw(unix.SYS_PKEY_MPROTECT, 0, 4096, unix.PROT_EXEC)
		},
		"lock memory":        func() error { return unix.Mlockall(unix.MCL_CURRENT) },
		"make shared memory": func() error { return fd(unix.MemfdCreate("x", unix.MFD_CLOEXEC)) },

		// What it is there for.
		"write to a descriptor": func() error {
			_, err := os.Stderr.WriteString("x")
			return err
		},
		"start a thread": startThread,
		"name a thread": func() error {
			name := [16]byte{'x'}
			return unix.Prctl(unix.PR_SET_NAME, uintptr(unsafe.Pointer(&name[0])), 0, 0, 0)
		},
		"have many descriptors": func() error {
			for range 100 {
				if err := fd(unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, 0)); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func fd(_ int, err error) error { return err }

func raw(trap, a, b, c uintptr) error {
	if _, _, errno := syscall.RawSyscall6(trap, a, b, c, 0, 0, 0); errno != 0 {
		return errno
	}
	return nil
}

func fork(signal syscall.Signal) error {
	pid, _, errno := syscall.RawSyscall6(unix.SYS_CLONE, uintptr(signal), 0, 0, 0, 0, 0)
	if errno != 0 {
		return errno
	}
	if pid == 0 {
		syscall.RawSyscall(unix.SYS_EXIT, 0, 0, 0)
	}
	return nil
}

// runMemory runs a program that has no name in any file system.
func runMemory() error {
	f, err := unix.MemfdCreate("x", 0)
	if err != nil {
		return err
	}
	empty := [1]byte{}
	const emptyPath = unix.AT_EMPTY_PATH
	_, _, errno := syscall.RawSyscall6(unix.SYS_EXECVEAT, uintptr(f), uintptr(unsafe.Pointer(&empty[0])), 0, 0, emptyPath, 0)
	return errno
}

// startThread has goroutines in threads of their own.
func startThread() error {
	const threads = 8
	begun, end := make(chan struct{}), make(chan struct{})
	for range threads {
		go lockedThread(begun, end)
	}
	for range threads {
		<-begun
	}
	close(end)
	return nil
}
