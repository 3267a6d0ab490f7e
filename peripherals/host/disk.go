package host

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/disk"
	"github.com/hullvm/hull/peripherals/handover"
)

// diskFile is one file of a disk's, of which the process that has the disk has another
// descriptor.
type diskFile struct {
	disk  string
	file  *os.File
	write bool
}

func (h *Host) openDisk(c *configs.Disk) error {
	files, err := disk.OpenFiles(c.Path, disk.Options{
		Format: string(c.Format), ReadOnly: c.ReadOnly, Direct: c.Direct, Lock: !h.options.Unlocked, BackingAllowed: c.Backing,
	})
	if err != nil {
		return fmt.Errorf("disk %q: %w", c.Name, err)
	}
	h.Files.Add(handover.Disk, c.Name, files...)
	if !h.options.Monitor {
		return nil
	}
	for i, f := range files {
		fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("disk %q: keep %q: %w", c.Name, f.Name(), err)
		}
		h.disks = append(h.disks, diskFile{disk: c.Name, file: os.NewFile(uintptr(fd), f.Name()), write: i == 0 && !c.ReadOnly})
	}
	return nil
}

// LockDisks locks the files of the machine's disks, as Open does unless it is told to
// leave that. A failure leaves none locked.
func (h *Host) LockDisks() error {
	for _, d := range h.disks {
		if err := disk.Lock(d.file, d.write); err != nil {
			return errors.Join(fmt.Errorf("disk %q: %w", d.disk, err), h.UnlockDisks())
		}
	}
	return nil
}

// UnlockDisks lets others have the files of the machine's disks, while they stay open.
// Nothing may be written to them from then on.
func (h *Host) UnlockDisks() error {
	var errs []error
	for _, d := range h.disks {
		if err := disk.Unlock(d.file); err != nil {
			errs = append(errs, fmt.Errorf("disk %q: %w", d.disk, err))
		}
	}
	return errors.Join(errs...)
}

func (h *Host) closeDisks() error {
	var errs []error
	for _, d := range h.disks {
		errs = append(errs, d.file.Close())
	}
	h.disks = nil
	return errors.Join(errs...)
}
