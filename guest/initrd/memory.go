package initrd

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// memoryName is what the file is called in messages and in /proc.
const memoryName = "hull-initrd"

// seals keep what was written from whoever the file is handed to.
const seals = unix.F_SEAL_WRITE | unix.F_SEAL_GROW | unix.F_SEAL_SHRINK | unix.F_SEAL_SEAL

// inMemory makes the archive of records in a memfd that nobody can change then. It
// is gone with the last descriptor.
func inMemory(records []record) (_ Part, err error) {
	fd, err := memfd()
	if err != nil {
		return Part{}, fmt.Errorf("initrd: file in memory: create: %w", err)
	}
	f := os.NewFile(uintptr(fd), "memfd:"+memoryName)
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close())
		}
	}()
	if err := write(f, records, None); err != nil {
		return Part{}, err
	}
	if _, err := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, seals); err != nil {
		return Part{}, fmt.Errorf("initrd: file in memory: seal: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		return Part{}, fmt.Errorf("initrd: file in memory: look up: %w", reason(err))
	}
	return Part{f, info.Size()}, nil
}

// memfd makes a file that cannot be run, which hosts may insist on
// (vm.memfd_noexec), where the kernel can: from 6.3 on.
func memfd() (int, error) {
	const flags = unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	fd, err := unix.MemfdCreate(memoryName, flags|unix.MFD_NOEXEC_SEAL)
	if errors.Is(err, unix.EINVAL) {
		fd, err = unix.MemfdCreate(memoryName, flags)
	}
	return fd, err
}
