package renew

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// addEntropy is the ioctl RNDADDENTROPY. The kernel reads as many bytes as info,
// which is of poolInfo, says of itself.
func addEntropy(fd uintptr, info []byte) error {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, fd, unix.RNDADDENTROPY, uintptr(unsafe.Pointer(&info[0])))
	if errno != 0 {
		return errno
	}
	return nil
}
