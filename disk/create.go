package disk

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/hullvm/hull/disk/hostfile"
	"github.com/hullvm/hull/disk/qcow2"
	"github.com/hullvm/hull/internal/durable"
)

// CreateOptions describe a new image.
type CreateOptions struct {
	Format      string // Raw or QCOW2
	Size        int64  // bytes, in whole sectors
	ClusterSize int64  // of QCOW2: 512 to 2 MiB, 0 is 64 KiB
	// Backing is the file that a QCOW2 image starts with the content of; a path
	// that is not absolute starts at the image's directory. BackingFormat goes
	// with it. They are not opened: Size has to be given.
	Backing, BackingFormat string
}

// Create makes an image that reads as zeroes, or as its backing file. The file
// must not exist. It is durable when Create returns.
func Create(path string, o CreateOptions) error {
	if err := checkFormat(o.Format); err != nil {
		return fmt.Errorf("disk %q: create: %w", path, err)
	}
	if o.Backing != "" {
		if err := checkBacking(&qcow2.Header{BackingFile: o.Backing, BackingFormat: o.BackingFormat}); err != nil {
			return fmt.Errorf("disk %q: create: %w", path, err)
		}
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("disk %q: create: %w", path, errors.Unwrap(err))
	}
	if err := fill(f, o); err != nil {
		return errors.Join(fmt.Errorf("disk %q: create: %w", path, err), os.Remove(path))
	}
	return durable.SyncDir(filepath.Dir(path))
}

// fill writes a new image into f and closes it.
func fill(f *os.File, o CreateOptions) error {
	h, err := hostfile.New(f, hostfile.Options{Lock: true})
	if err != nil {
		return errors.Join(err, f.Close())
	}
	switch {
	case o.Format == QCOW2:
		err = qcow2.Create(h, qcow2.CreateOptions{
			Size: o.Size, ClusterSize: o.ClusterSize,
			BackingFile: o.Backing, BackingFormat: o.BackingFormat,
		})
	case o.Backing != "" || o.ClusterSize != 0:
		err = errors.New("a raw image has neither a backing file nor clusters")
	case o.Size <= 0 || o.Size%512 != 0:
		err = fmt.Errorf("a size of %d bytes: not a positive number of 512-byte sectors", o.Size)
	default:
		err = h.Truncate(o.Size)
	}
	if err == nil {
		err = h.Sync()
	}
	return errors.Join(err, h.Close())
}
