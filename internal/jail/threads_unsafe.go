package jail

import (
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// allThreads makes a system call in every thread of the process.
func allThreads(trap, a, b, c uintptr) error {
	if _, _, errno := syscall.AllThreadsSyscall(trap, a, b, c); errno != 0 {
		return errno
	}
	return nil
}

// setCapabilities is capset(2) in every thread. The kernel reads one header and,
// with version 3, two sets, which is what the types have.
func setCapabilities(header *unix.CapUserHeader, sets *[2]unix.CapUserData) error {
	defer runtime.KeepAlive(header)
	defer runtime.KeepAlive(sets)
	return allThreads(unix.SYS_CAPSET, uintptr(unsafe.Pointer(header)), uintptr(unsafe.Pointer(sets)), 0)
}
