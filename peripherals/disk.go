package peripherals

import (
	"fmt"

	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/devices/virtio/blk"
	"github.com/hullvm/hull/disk"
	"github.com/hullvm/hull/internal/ratelimit"
	"github.com/hullvm/hull/peripherals/handover"
)

func (s *Set) addDisk(c *configs.Disk) error {
	label := Label{"disk", c.Name}
	name := label.String()
	files := s.files.Take(handover.Disk, c.Name)
	if len(files) == 0 {
		return fmt.Errorf("%s: no descriptor was handed over", name)
	}
	how := disk.Options{Format: string(c.Format), ReadOnly: c.ReadOnly, Direct: c.Direct, Lock: true}
	var image disk.Image
	if s.options.Late {
		late := disk.NewLate(files[0], files[1:], how)
		s.late[c.Name], image = late, late
	} else {
		var err error
		if image, err = disk.OpenFile(files[0], files[1:], how); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	s.onClose(name, image.Close)
	d, err := blk.New(blk.Config{
		Name:     c.Name,
		Backend:  image,
		Serial:   c.Name,
		ReadOnly: c.ReadOnly,
		Queues:   c.Queues,
		Limits: ratelimit.Limits{
			Ops:   ratelimit.Rate{PerSecond: uint64(c.OperationsPerSecond), Burst: uint64(c.OperationsBurst)},
			Bytes: ratelimit.Rate{PerSecond: uint64(c.BytesPerSecond), Burst: uint64(c.BytesBurst)},
		},
		Log: s.options.Log,
	})
	if err != nil {
		return err
	}
	s.Disks[c.Name], s.Images[c.Name] = d, image
	s.add(label, d)
	return nil
}

// OpenDisks opens the images of disks that were made with Options.Late, when nobody
// else writes to them any more.
func (s *Set) OpenDisks() error {
	for name, late := range s.late {
		image, err := late.Open()
		if err != nil {
			return fmt.Errorf("disk %q: %w", name, err)
		}
		s.Images[name] = image
		s.Disks[name].Resize() // it has a size now
	}
	s.late = nil
	return nil
}
