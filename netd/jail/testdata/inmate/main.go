// Command inmate enters a jail and tries one thing there, in a thread that was
// there before and in one that was not. It says what holds it, and what became of
// the attempt, unless that ended it.
package main

import (
	"flag"
	"fmt"
	"net"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/netd/jail"
)

func main() {
	o := jail.Options{Files: 64, Memory: 1 << 30}
	flag.StringVar(&o.Resolver, "resolver", "/etc/resolv.conf", "")
	flag.BoolVar(&o.Namespaced, "namespaced", false, "")
	secret := flag.String("secret", "", "a file outside")
	old := flag.Bool("old", false, "try in a thread that was there before")
	flag.Parse()
	before, err := unix.Open("/", unix.O_PATH|unix.O_DIRECTORY, 0) // a descriptor that was left open
	if err != nil {
		fmt.Println(err)
	}
	attempt := attempts(before, *secret)[flag.Arg(0)]
	if flag.Arg(0) == "follow" {
		attempt = func() error { return follow(o.Resolver) }
	}
	begin, done := make(chan struct{}), make(chan struct{})
	try := func() {
		defer close(done)
		runtime.LockOSThread()
		<-begin
		if err := attempt(); err != nil {
			fmt.Println("refused:", err)
			return
		}
		fmt.Println("allowed")
	}
	if *old {
		go try()
	}
	c, err := jail.Enter(o)
	fmt.Println(c)
	if err != nil {
		fmt.Println(err)
		return
	}
	if !*old {
		go try()
	}
	close(begin)
	<-done
}

func attempts(before int, secret string) map[string]func() error {
	open := func(dir int, path string, flags int) error {
		fd, err := unix.Openat(dir, path, flags|unix.O_CLOEXEC, 0o600)
		if err == nil {
			var b [1]byte
			_, err = unix.Read(fd, b[:])
			unix.Close(fd)
		}
		return err
	}
	return map[string]func() error{
		"open resolv.conf": func() error { return open(unix.AT_FDCWD, "/etc/resolv.conf", 0) },
		"read at an offset": func() error { // as the runtime does
			fd, err := unix.Open("/etc/resolv.conf", unix.O_CLOEXEC, 0)
			if err == nil {
				_, err = unix.Pread(fd, make([]byte, 1), 0)
				unix.Close(fd)
			}
			return err
		},
		"open resolv.conf to write":   func() error { return open(unix.AT_FDCWD, "/etc/resolv.conf", unix.O_RDWR) },
		"open a file outside":         func() error { return open(unix.AT_FDCWD, secret, 0) },
		"open a file by a descriptor": func() error { return open(before, secret[1:], 0) },
		"open /proc":                  func() error { return open(unix.AT_FDCWD, "/proc/self/maps", 0) },
		"open a device":               func() error { return open(unix.AT_FDCWD, "/dev/zero", 0) },
		"make a file":                 func() error { return open(unix.AT_FDCWD, "/x", unix.O_CREAT|unix.O_RDWR) },
		"connect": func() error {
			c, err := net.Dial("udp", "127.0.0.1:9")
			if err == nil {
				c.Close()
			}
			return err
		},
		"listen":               func() error { return done(net.Listen("tcp", "127.0.0.1:0")) },
		"bind":                 func() error { return done(net.ListenPacket("udp", "127.0.0.1:0")) },
		"make a unix socket":   func() error { return fd(unix.Socket(unix.AF_UNIX, stream, 0)) },
		"make a raw socket":    func() error { return fd(unix.Socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP)) },
		"make a packet socket": func() error { return fd(unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0)) },
		"make a netlink one":   func() error { return fd(unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW, 0)) },
		"make another's socket": func() error { // whose family is mmap's number
			return fd(unix.Socket(unix.AF_X25, unix.SOCK_SEQPACKET, 0))
		},
		"make a ping socket": func() error { return fd(unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, unix.IPPROTO_ICMP)) },
		"run a program":      func() error { return syscall.Exec("/proc/self/exe", []string{"x"}, nil) },
		"fork":               func() error { return fork(unix.SIGCHLD) },
		// Whose signal has the number of a call that is allowed: mmap, mprotect.
		"fork by one signal":     func() error { return fork(9) },
		"fork by another signal": func() error { return fork(10) },
		"mount":                  func() error { return unix.Mount("none", "/", "tmpfs", 0, "") },
		"unshare":                func() error { return unix.Unshare(unix.CLONE_NEWUSER) },
		"trace":                  func() error { return unix.PtraceSeize(os.Getppid()) },
		"signal":                 func() error { return unix.Kill(1, 0) },
		"chroot":                 func() error { return unix.Chroot(".") },
		"change directory":       func() error { return unix.Fchdir(before) },
		"set the clock":          func() error { return unix.Settimeofday(&unix.Timeval{}) },
		"become root":            func() error { return raw(unix.SYS_SETUID, 0, 0, 0) },
		"load a filter":          func() error { return raw(unix.SYS_SECCOMP, 0, 0, 0) },
		"use io_uring":           func() error { return raw(unix.SYS_IO_URING_SETUP, 1, 0, 0) },
		"use bpf":                func() error { return raw(unix.SYS_BPF, 0, 0, 0) },
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
		"have more memory": func() error {
			_, err := unix.Mmap(-1, 0, 2<<30, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
			return err
		},
		"have more descriptors": func() error {
			for range 100 {
				if _, err := net.Dial("udp", "127.0.0.1:9"); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// follow shows a file as it is, and as it is when there is something to read.
func follow(path string) error {
	for range 2 {
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		fmt.Printf("%s\n", b)
		if _, err := os.Stdin.Read(make([]byte, 1)); err != nil {
			return err
		}
	}
	return nil
}

const stream = unix.SOCK_STREAM | unix.SOCK_NONBLOCK | unix.SOCK_CLOEXEC

func fd(_ int, err error) error { return err }

func done(_ any, err error) error { return err }

func raw(trap, a, b, c uintptr) error {
	if _, _, errno := syscall.RawSyscall(trap, a, b, c); errno != 0 {
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
