package vmm

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// setThreadName hands a name to prctl(PR_SET_NAME). name must be 16 bytes, the
// last one zero: the kernel reads no further than that.
func setThreadName(name []byte) {
	if len(name) != 16 {
		return
	}
	_ = unix.Prctl(unix.PR_SET_NAME, uintptr(unsafe.Pointer(&name[0])), 0, 0, 0)
}
