package launch

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/disk"
	"github.com/hullvm/hull/snapshot"
)

// saveDisk keeps what a disk holds: a copy of an image that the guest can write, and
// of all other files how to find out that they are still the same.
func saveDisk(dir string, d *configs.Disk) (list []snapshot.Disk, err error) {
	layers, err := disk.Layers(d.Path, string(d.Format), d.Backing)
	if err != nil {
		return nil, err
	}
	for i, l := range layers {
		s := snapshot.Disk{Name: d.Name, Role: snapshot.RoleBacking, Format: l.Format, Path: l.Path, ReadOnly: true, Unchanged: true}
		if i == 0 {
			s.Role, s.ReadOnly = snapshot.RoleDisk, d.ReadOnly
			if !d.ReadOnly {
				if l.Backing != "" && !filepath.IsAbs(l.Backing) {
					return nil, fmt.Errorf("disk %q: its image names %q as its backing file, which a copy elsewhere would not find: name it by an absolute path (qemu-img rebase -u -F %s -b %s %s)",
						d.Name, l.Backing, layers[1].Format, layers[1].Path, l.Path)
				}
				s.Path = filepath.Join(dir, snapshot.DiskFile(d.Name))
				if err := copyDisk(s.Path, l.Path); err != nil {
					return nil, fmt.Errorf("disk %q: %w", d.Name, err)
				}
			}
		}
		if s.Path, err = filepath.Abs(s.Path); err != nil {
			return nil, fmt.Errorf("disk %q: %w", d.Name, err)
		}
		if s.File, err = snapshot.Identify(s.Path); err != nil {
			return nil, fmt.Errorf("disk %q: %w", d.Name, err)
		}
		list = append(list, s)
	}
	return list, nil
}

func copyDisk(to, from string) (err error) {
	f, err := os.OpenFile(to, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	// Nobody is to write to it again, whoever opens it for that.
	return errors.Join(disk.Copy(f, from), f.Chmod(0o400), f.Close())
}
