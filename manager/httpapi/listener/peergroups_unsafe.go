package listener

import (
	"errors"
	"unsafe"

	"golang.org/x/sys/unix"
)

// maxGroups is as many groups as a process may be in (setgroups(2)).
const maxGroups = 65536

// peerGroups are the supplementary groups of a socket's peer when it connected
// (SO_PEERGROUPS). The kernel writes at most size bytes into the slice, which has
// them.
func peerGroups(fd int) ([]uint32, error) {
	for room := 32; ; {
		groups := make([]uint32, room)
		size := uint32(len(groups)) * uint32(unsafe.Sizeof(groups[0]))
		_, _, errno := unix.Syscall6(
			unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_PEERGROUPS,
			uintptr(unsafe.Pointer(&groups[0])), uintptr(unsafe.Pointer(&size)), 0,
		)
		n := int(size / uint32(unsafe.Sizeof(groups[0])))
		switch {
		case errno == 0 && n <= len(groups):
			return groups[:n], nil
		case errno == 0:
			return nil, errors.New("the kernel says more than there was room for")
		case errno == unix.ERANGE && room < maxGroups: // size is what it takes
			room = min(max(n, 2*room), maxGroups)
		default:
			return nil, errno
		}
	}
}
