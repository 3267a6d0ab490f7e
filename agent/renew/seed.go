package renew

import (
	"encoding/binary"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// struct rand_pool_info of the kernel's include/uapi/linux/random.h: how much the
// bytes are worth, in bits, how many there are, and the bytes.
const (
	offPoolBits = 0
	offPoolSize = 4
	poolHeader  = 8
)

// poolInfo is a seed as the kernel takes it, worth all of its bits.
func poolInfo(seed []byte) []byte {
	b := make([]byte, poolHeader+len(seed))
	binary.NativeEndian.PutUint32(b[offPoolBits:], uint32(8*len(seed)))
	binary.NativeEndian.PutUint32(b[offPoolSize:], uint32(len(seed)))
	copy(b[poolHeader:], seed)
	return b
}

// seedKernel gives the kernel a seed, and has it used from the next random number
// on (random(4)): by itself the kernel would take minutes.
func seedKernel(seed []byte) error {
	f, err := os.OpenFile("/dev/urandom", os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	info := poolInfo(seed)
	defer clear(info)
	if err := addEntropy(f.Fd(), info); err != nil {
		return fmt.Errorf("RNDADDENTROPY: %w", err)
	}
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), unix.RNDRESEEDCRNG, 0); errno != 0 {
		return fmt.Errorf("RNDRESEEDCRNG: %w", errno)
	}
	return nil
}
