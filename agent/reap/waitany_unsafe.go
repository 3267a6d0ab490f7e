package reap

import (
	"encoding/binary"
	"unsafe"

	"golang.org/x/sys/unix"
)

// offSiginfoPID is where siginfo_t has si_pid on a 64-bit Linux, in bytes
// (asm-generic/siginfo.h: three ints, padding, then the union).
const offSiginfoPID = 16

// waitAny waits until a child has ended and returns its number, leaving it to
// be reaped. It is unix.ECHILD when there is no child.
func waitAny() (int, error) {
	var info unix.Siginfo
	if err := unix.Waitid(unix.P_ALL, 0, &info, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
		return 0, err
	}
	// Siginfo is 128 bytes long, the field ends at 20.
	b := (*[unsafe.Sizeof(info)]byte)(unsafe.Pointer(&info))
	return int(int32(binary.NativeEndian.Uint32(b[offSiginfoPID:]))), nil
}
