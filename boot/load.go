package boot

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hullvm/hull/boot/acpi"
	"github.com/hullvm/hull/boot/elf"
	"github.com/hullvm/hull/mem"
)

// loader is a machine being filled.
type loader struct {
	Machine
	placed []Range
}

// Load writes all that the machine boots from into its memory: kernel, initrd,
// command line, tables. Memory that it does not write it does not touch.
func Load(m Machine) (Start, error) {
	if len(m.APICIDs) == 0 {
		return Start{}, errors.New("boot: no processors")
	}
	l := &loader{Machine: m}
	if l.Power == (acpi.Power{}) {
		l.Power = acpi.DefaultPower
	}
	start, err := l.load()
	if err != nil {
		return Start{}, err
	}
	slices.SortFunc(l.placed, func(a, b Range) int {
		switch {
		case a.Addr < b.Addr:
			return -1
		case a.Addr > b.Addr:
			return 1
		}
		return 0
	})
	start.Placed = l.placed
	return start, nil
}

func (l *loader) load() (Start, error) {
	k, err := l.loadKernel()
	if err != nil {
		return Start{}, fmt.Errorf("kernel %q: %w", l.Kernel.Name, err)
	}
	var initrd Range
	if l.Initrd != nil {
		if initrd, err = l.loadInitrd(k); err != nil {
			return Start{}, fmt.Errorf("initrd %q: %w", l.Initrd.Name, err)
		}
	}
	if err := l.writeCommandLine(k.cmdlineSize); err != nil {
		return Start{}, fmt.Errorf("command line: %w", err)
	}
	if err := l.writeTables(); err != nil {
		return Start{}, err
	}
	if k.protocol == PVH {
		return l.startPVH(k, initrd)
	}
	return l.startLinux(k, initrd)
}

// loadKernel finds out what the kernel is and loads it.
func (l *loader) loadKernel() (*kernel, error) {
	var head [4]byte
	if n, err := l.Kernel.Data.ReadAt(head[:], 0); n < len(head) {
		return nil, fmt.Errorf("neither a bzImage nor an ELF kernel: %d bytes: %w", l.Kernel.Size, err)
	}
	isELF := elf.Is(head[:])
	switch l.Protocol {
	case Auto, "":
	case BZImage:
		if isELF {
			return nil, errors.New("protocol bzimage: this is an ELF file")
		}
	case ELF, PVH:
		if !isELF {
			return nil, fmt.Errorf("protocol %s: this is no ELF file: give the decompressed kernel (vmlinux)", l.Protocol)
		}
	default:
		return nil, fmt.Errorf("protocol %q: there is auto, bzimage, elf and pvh", l.Protocol)
	}
	if isELF {
		return l.loadELF()
	}
	return l.loadBZImage()
}

// writeCommandLine puts the command line, ended by a NUL, into its place. limit
// is the kernel's own, without the NUL; 0 where it has none.
func (l *loader) writeCommandLine(limit uint64) error {
	room := uint64(mem.CommandLineSize - 1)
	if limit > 0 {
		room = min(room, limit)
	}
	n := uint64(len(l.CommandLine))
	switch {
	case n > room:
		return fmt.Errorf("%d bytes, the kernel takes %d", n, room)
	case strings.IndexByte(l.CommandLine, 0) >= 0:
		return errors.New("it holds a NUL")
	}
	return l.write("command line", append([]byte(l.CommandLine), 0), mem.CommandLine)
}

// write puts b into memory and notes where.
func (l *loader) write(name string, b []byte, at mem.Addr) error {
	if err := l.Memory.WriteAt(b, at); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	l.placed = append(l.placed, Range{Name: name, Addr: at, Size: uint64(len(b))})
	return nil
}

// copyIn copies n bytes at offset off of a file into memory.
func (l *loader) copyIn(name string, f *File, off, n int64, at mem.Addr) error {
	if err := l.Memory.CopyFromAt(f.Data, off, at, uint64(n)); err != nil {
		return err
	}
	l.placed = append(l.placed, Range{Name: name, Addr: at, Size: uint64(n)})
	return nil
}

// lowRAM is where RAM below the device hole ends.
func (l *loader) lowRAM() uint64 {
	return min(l.Memory.Size(), uint64(mem.LowRAMEnd))
}
