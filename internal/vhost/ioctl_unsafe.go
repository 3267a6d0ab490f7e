package vhost

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// system makes a call of the kernel. arg is nil or points at the structure that
// the call takes: one of the size that is in the number
// (TestNumbersAreThoseOfTheHeader), or a memoryTable, of which the kernel
// reads as many regions as its count says. Start has held that they are there.
func system(fd int, nr ioctl, arg any) error {
	defer runtime.KeepAlive(arg)
	for {
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), uintptr(nr), uintptr(pointer(arg)))
		switch errno {
		case 0:
			return nil
		case unix.EINTR:
		default:
			return errno
		}
	}
}

func pointer(arg any) unsafe.Pointer {
	switch v := arg.(type) {
	case *uint64:
		return unsafe.Pointer(v)
	case *vringState:
		return unsafe.Pointer(v)
	case *vringFile:
		return unsafe.Pointer(v)
	case *vringAddr:
		return unsafe.Pointer(v)
	case *memoryTable:
		return unsafe.Pointer(v)
	}
	return nil
}
