// Command inmate enters a jail and tries to get out of it. What succeeds that
// should not is a line of its output; what should succeed and does not is too.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/fsd/jail"
)

func main() {
	o := jail.Options{Root: 3}
	flag.BoolVar(&o.ReadOnly, "readonly", false, "")
	flag.BoolVar(&o.Namespaced, "namespaced", false, "")
	secret := flag.String("secret", "", "a file outside")
	flag.Parse()
	if !o.Namespaced && os.Getenv("UNSHARE") != "" {
		fmt.Println(jail.Unshare(3, append(os.Args, "-namespaced")))
	}
	before, err := unix.Open("/", unix.O_PATH|unix.O_DIRECTORY, 0) // a descriptor that was left open
	if err != nil {
		fmt.Println(err)
	}
	j, err := jail.Enter(o)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("confinement:", j.Confinement, j.Missing)
	try(o, j, before, *secret)
	// Threads that were there, and those that come later, are in the jail too.
	var threads sync.WaitGroup
	for range 8 {
		threads.Go(func() {
			runtime.LockOSThread()
			try(o, j, before, *secret)
		})
	}
	threads.Wait()
	fmt.Println("done")
}

func try(o jail.Options, j *jail.Jail, before int, secret string) {
	open := func(dir int, path string, flags int) error {
		fd, err := unix.Openat(dir, path, flags|unix.O_CLOEXEC, 0o600)
		if err == nil {
			var b [1]byte
			_, err = unix.Read(fd, b[:])
			unix.Close(fd)
		}
		return err
	}
	for name, f := range map[string]func() error{
		"open a file outside":             func() error { return open(unix.AT_FDCWD, secret, 0) },
		"open a file above":               func() error { return open(j.Root, "../../../../../../../.."+secret, 0) },
		"open a file above /proc/self/fd": func() error { return open(j.Proc, "../root/"+secret, 0) },
		"open the host's /proc":           func() error { return open(j.Proc, "../../sys/kernel/hostname", 0) },
		"open a file through a link":      func() error { return open(j.Root, "link", 0) },
		"open a file by a descriptor":     func() error { return open(before, secret[1:], 0) },
		"open a device": func() error {
			if !o.Namespaced {
				return unix.EPERM // landlock alone does not mind one that is there
			}
			return open(j.Root, "null", unix.O_RDWR)
		},
		"make a device":      func() error { return unix.Mknodat(j.Root, "zero", unix.S_IFCHR|0o666, 1<<8|5) },
		"make a socket":      func() error { return fd(unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)) },
		"make a unix socket": func() error { return fd(unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)) },
		"make memory code": func() error {
			_, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_EXEC, unix.MAP_PRIVATE|unix.MAP_ANON)
			return err
		},
		"run a program":       func() error { return syscall.Exec("/proc/self/exe", []string{"x"}, nil) },
		"fork":                func() error { return fork() },
		"mount":               func() error { return unix.Mount("none", "/", "tmpfs", 0, "") },
		"unshare":             func() error { return unix.Unshare(unix.CLONE_NEWUSER) },
		"trace":               func() error { return unix.PtraceSeize(os.Getppid()) },
		"signal":              func() error { return unix.Kill(os.Getppid(), 0) },
		"chroot":              func() error { return unix.Chroot(".") },
		"change directory":    func() error { return unix.Chdir("..") },
		"set the clock":       func() error { return unix.Settimeofday(&unix.Timeval{}) },
		"become another user": func() error { return raw(unix.SYS_SETRESUID, 1, 1, 1) },
		"load a filter":       func() error { return raw(unix.SYS_SECCOMP, 0, 0, 0) },
		"use io_uring":        func() error { return raw(unix.SYS_IO_URING_SETUP, 1, 0, 0) },
		"open by handle":      func() error { return raw(unix.SYS_OPEN_BY_HANDLE_AT, uintptr(j.Root), 0, 0) },
	} {
		if err := f(); err == nil {
			fmt.Printf("%s: allowed\n", name)
		}
	}
	if err := open(j.Root, "file", 0); err != nil {
		fmt.Printf("open a file inside: %v\n", err)
	}
	path, err := unix.Openat(j.Root, "file", unix.O_PATH|unix.O_NOFOLLOW, 0)
	if err != nil {
		fmt.Printf("open a file's path: %v\n", err)
		return
	}
	if err := open(j.Proc, strconv.Itoa(path), 0); err != nil {
		fmt.Printf("open a file again: %v\n", err)
	}
	err = open(j.Proc, strconv.Itoa(path), unix.O_RDWR)
	if o.ReadOnly == (err == nil) {
		fmt.Printf("open a file for writing: %v\n", err)
	}
	unix.Close(path)
}

func fd(_ int, err error) error { return err }

func raw(trap, a, b, c uintptr) error {
	if _, _, errno := syscall.RawSyscall(trap, a, b, c); errno != 0 {
		return errno
	}
	return nil
}

func fork() error {
	pid, _, errno := syscall.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	if errno != 0 {
		return errno
	}
	if pid == 0 {
		syscall.RawSyscall(unix.SYS_EXIT, 0, 0, 0)
	}
	return nil
}
