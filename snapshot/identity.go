package snapshot

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// ErrDiskChanged is in the error of a disk that is not as it was.
var ErrDiskChanged = errors.New("it has changed since the snapshot")

// Identity is what tells that a file is another one, or was written.
type Identity struct {
	Size     int64     `json:"size"`     // bytes
	Device   uint64    `json:"device"`   // where the file is; of a block device, that device
	Inode    uint64    `json:"inode"`    // 0 for a block device
	Modified time.Time `json:"modified"` // UTC; zero for a block device
}

// IdentityOf is the identity of a regular file or a block device that is open.
func IdentityOf(f *os.File) (Identity, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return Identity{}, fmt.Errorf("file %q: look at it: %w", f.Name(), err)
	}
	id := Identity{Size: st.Size, Device: st.Dev, Inode: st.Ino, Modified: time.Unix(st.Mtim.Unix()).UTC()}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		return id, nil
	case unix.S_IFBLK:
		size, err := unix.IoctlGetInt(int(f.Fd()), unix.BLKGETSIZE64)
		if err != nil {
			return Identity{}, fmt.Errorf("block device %q: ask for its size: %w", f.Name(), err)
		}
		return Identity{Size: int64(size), Device: st.Rdev}, nil
	}
	return Identity{}, fmt.Errorf("file %q: it is neither a file nor a block device", f.Name())
}

// Identify is the identity of the file at path.
func Identify(path string) (Identity, error) {
	f, err := os.Open(path)
	if err != nil {
		return Identity{}, err
	}
	defer f.Close() // only looked at
	return IdentityOf(f)
}

// CheckDisks holds the files behind all disks against what they were: the first that
// is another, or is not there, is the error.
func (m *Manifest) CheckDisks() error {
	for i := range m.Disks {
		d := &m.Disks[i]
		now, err := Identify(d.Path)
		if err != nil {
			return fmt.Errorf("disk %q: %w", d.Name, err)
		}
		if err := d.Check(now); err != nil {
			return err
		}
	}
	return nil
}

// Check refuses a disk that has to be unchanged and is not: the error is
// ErrDiskChanged, with what is different. Its size, its inode and the time of its
// last change are compared, and the device of a block device; the device that a file
// is on has another number after a restart of the host.
func (d *Disk) Check(now Identity) error {
	if !d.Unchanged {
		return nil
	}
	var what string
	switch was := d.File; {
	case now.Size != was.Size:
		what = fmt.Sprintf("it had %d bytes, and has %d", was.Size, now.Size)
	case now.Inode != was.Inode, was.Modified.IsZero() != now.Modified.IsZero():
		what = "another file is in its place"
	case !now.Modified.Equal(was.Modified):
		what = fmt.Sprintf("it was last written %s, and is now of %s", was.Modified.Format(time.RFC3339Nano), now.Modified.Format(time.RFC3339Nano))
	case was.Modified.IsZero() && now.Device != was.Device:
		what = "it is another device"
	default:
		return nil
	}
	return fmt.Errorf("disk %q: file %q: %w: %s", d.Name, d.Path, ErrDiskChanged, what)
}
