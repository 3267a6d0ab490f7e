package monitor

import (
	"fmt"
	"os"

	"github.com/hullvm/hull/internal/archives"
	"github.com/hullvm/hull/peripherals/handover"
	"github.com/hullvm/hull/vmm"
)

// images are the files that a machine boots from.
type images struct {
	kernel *os.File   // nil for none
	initrd []*os.File // the archives of one; nil for none
}

func takeImages(files *handover.Files) *images {
	return &images{files.TakeOne(handover.Kernel, ""), files.Take(handover.Initrd, "")}
}

// describe puts what there is into c, which reads the files.
func (i *images) describe(c *vmm.Config) error {
	if i.kernel != nil {
		info, err := i.kernel.Stat()
		if err != nil {
			return fmt.Errorf("%s: %w", handover.Kernel, err)
		}
		c.Kernel = vmm.Image{Name: i.kernel.Name(), File: i.kernel, Size: info.Size()}
	}
	if len(i.initrd) > 0 {
		joined, name, err := archives.JoinFiles(i.initrd...)
		if err != nil {
			return fmt.Errorf("%s: %w", handover.Initrd, err)
		}
		c.Initrd = vmm.Image{Name: name, File: joined, Size: joined.Size()}
	}
	return nil
}

func (i *images) close() {
	if i.kernel != nil {
		_ = i.kernel.Close() // only read
	}
	for _, f := range i.initrd {
		_ = f.Close()
	}
}
