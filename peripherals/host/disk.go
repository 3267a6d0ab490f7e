package host

import (
	"fmt"

	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/disk"
	"github.com/hullvm/hull/peripherals/handover"
)

func (h *Host) openDisk(c *configs.Disk) error {
	files, err := disk.OpenFiles(c.Path, disk.Options{
		Format: string(c.Format), ReadOnly: c.ReadOnly, Direct: c.Direct, Lock: true, BackingAllowed: c.Backing,
	})
	if err != nil {
		return fmt.Errorf("disk %q: %w", c.Name, err)
	}
	h.Files.Add(handover.Disk, c.Name, files...)
	return nil
}
