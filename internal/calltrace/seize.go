package calltrace

import "golang.org/x/sys/unix"

// seizeThread is PTRACE_SEIZE with options.
func seizeThread(tid int) error {
	if _, _, errno := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_SEIZE, uintptr(tid), 0, options, 0, 0); errno != 0 {
		return errno
	}
	return nil
}
