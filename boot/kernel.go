package boot

import (
	"errors"
	"fmt"

	"github.com/hullvm/hull/boot/elf"
	"github.com/hullvm/hull/boot/linux"
	"github.com/hullvm/hull/boot/pvh"
	"github.com/hullvm/hull/mem"
)

// kernel is a kernel that has been looked at: its memory is RAM.
type kernel struct {
	protocol Protocol
	image    interface{ Load(*mem.Guest) error }
	bzImage  *linux.BzImage // nil for an ELF file

	first mem.Addr // of the memory it needs
	size  uint64   // in bytes
	entry mem.Addr

	maxCommandLine  uint64   // in bytes without the NUL
	initrdLimit     mem.Addr // first address the initrd must not reach
	initrdAbove4GiB bool     // which may be above 4 GiB instead
}

// openKernel finds out what the kernel is, and whether it can be loaded.
func (l *loader) openKernel() (*kernel, error) {
	if err := l.Kernel.check(); err != nil {
		return nil, err
	}
	head, err := l.Kernel.head(8)
	if err != nil {
		return nil, err
	}
	isELF := elf.Is(head)
	switch l.Protocol {
	case "", Auto:
	case BZImage:
		if isELF {
			return nil, errors.New("protocol bzimage: it is an ELF file: want protocol elf, pvh or auto")
		}
	case ELF, PVH:
		if !isELF {
			return nil, fmt.Errorf("protocol %s: it is not an ELF file: want vmlinux, or protocol auto", l.Protocol)
		}
	default:
		return nil, fmt.Errorf("protocol %q: want auto, bzimage, elf or pvh", l.Protocol)
	}
	var k *kernel
	if isELF {
		k, err = l.openELF()
	} else {
		k, err = l.openBzImage()
	}
	if err != nil {
		return nil, err
	}
	return k, l.fits(k)
}

func (l *loader) openBzImage() (*kernel, error) {
	image, err := linux.OpenBzImage(l.Kernel.Data, l.Kernel.Size)
	if errors.Is(err, linux.ErrNotBzImage) {
		return nil, errors.New("not a kernel: neither a bzImage nor an ELF file")
	}
	if err != nil {
		return nil, err
	}
	k := &kernel{protocol: BZImage, image: image, bzImage: image, entry: image.Entry(), maxCommandLine: image.MaxCommandLine()}
	k.first, k.size = image.Extent()
	k.initrdLimit, k.initrdAbove4GiB = image.InitrdLimit()
	return k, nil
}

func (l *loader) openELF() (*kernel, error) {
	image, err := elf.Open(l.Kernel.Data, l.Kernel.Size)
	if err != nil {
		return nil, err
	}
	k := &kernel{protocol: ELF, image: image, maxCommandLine: linux.MaxCommandLine, initrdLimit: mem.HighRAM}
	k.first, k.size = image.Extent()
	k.entry, err = image.Entry()
	if l.Protocol == ELF {
		return k, err
	}
	notes, noteErr := image.Notes()
	if noteErr != nil {
		return nil, noteErr
	}
	if l.Protocol != PVH && (isLinux(image, notes) || !hasPVHEntry(notes)) {
		return k, err
	}
	k.protocol = PVH
	k.entry, err = pvhEntry(notes)
	if err == nil && !image.HasCode(k.entry) {
		err = fmt.Errorf("PVH entry %#x: in no segment of code", uint64(k.entry))
	}
	return k, err
}

// linuxMap is what x86-64 Linux adds to the physical addresses of its image
// (__START_KERNEL_map).
const linuxMap = 0xffff_ffff_8000_0000

// isLinux tells Linux from other kernels: by the name in Xen's note if there is
// one, by a note of Linux's own, or by where it maps itself.
func isLinux(image *elf.Image, notes []elf.Note) bool {
	for _, n := range notes {
		if pvh.IsGuestOS(n.Owner, n.Type) {
			name := string(n.Desc)
			return name == "linux" || name == "linux\x00"
		}
	}
	for _, n := range notes {
		if n.Owner == "Linux" {
			return true
		}
	}
	for _, s := range image.Segments {
		if s.Virtual-uint64(s.Addr) == linuxMap {
			return true
		}
	}
	return false
}

func hasPVHEntry(notes []elf.Note) bool {
	for _, n := range notes {
		if pvh.IsEntry(n.Owner, n.Type) {
			return true
		}
	}
	return false
}

func pvhEntry(notes []elf.Note) (mem.Addr, error) {
	for _, n := range notes {
		if pvh.IsEntry(n.Owner, n.Type) {
			return pvh.Entry(n.Desc)
		}
	}
	return 0, errors.New("no PVH entry in its notes: Linux has one if built with CONFIG_PVH")
}

// fits refuses a kernel whose memory is not all RAM between 1 MiB and the hole.
func (l *loader) fits(k *kernel) error {
	end := uint64(k.first) + k.size // checked by who computed size
	ram := l.Memory.Size()
	switch {
	case k.first < mem.HighMemory:
		return fmt.Errorf("it begins at %#x: the first %s are not for kernels", uint64(k.first), mem.FormatSize(uint64(mem.HighMemory)))
	case end > uint64(mem.LowRAMEnd):
		return fmt.Errorf("it needs memory from %#x up to %#x: RAM for kernels ends at %#x", uint64(k.first), end, uint64(mem.LowRAMEnd))
	case !l.Memory.Contains(k.first, k.size):
		return fmt.Errorf("it needs memory up to %s, the machine has %s", mem.FormatSize(roundUp(end, 1<<20)), mem.FormatSize(ram))
	}
	return nil
}

func roundUp(n, align uint64) uint64 { return (n + align - 1) &^ (align - 1) }
