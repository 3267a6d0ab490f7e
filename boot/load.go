package boot

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/hullvm/hull/boot/acpi"
	"github.com/hullvm/hull/mem"
)

// Load writes everything the machine boots from into its memory, which must be
// fresh: what Load has no bytes for it leaves untouched, and it must read as
// zero. After an error the memory holds some of it and is of no use.
//
// Files are untrusted. Nothing in them makes Load write outside of RAM or hold
// more than some kilobytes of them.
func Load(m Machine) (Start, error) {
	if m.Power == (acpi.Power{}) {
		m.Power = acpi.DefaultPower
	}
	if size := m.Memory.Size(); size < uint64(mem.HighMemory) {
		return Start{}, fmt.Errorf("memory: %s: want at least %s, for the tables that boot the kernel",
			mem.FormatSize(size), mem.FormatSize(uint64(mem.HighMemory)))
	}
	l := &loader{Machine: m}
	start, err := l.load()
	if err != nil {
		return Start{}, err
	}
	slices.SortFunc(l.placed, func(a, b Range) int { return cmp.Compare(a.Addr, b.Addr) })
	start.Placed = l.placed
	return start, nil
}

// loader is a machine that is being loaded.
type loader struct {
	Machine
	placed []Range
}

// load checks and places everything before it writes the large files.
func (l *loader) load() (Start, error) {
	k, err := l.openKernel()
	if err != nil {
		return Start{}, fmt.Errorf("kernel %q: %w", l.Kernel.Name, err)
	}
	if err := l.writeCommandLine(k.maxCommandLine); err != nil {
		return Start{}, fmt.Errorf("command line: %w", err)
	}
	if err := l.writeACPI(); err != nil {
		return Start{}, fmt.Errorf("ACPI tables: %w", err)
	}
	var initrd Range
	if l.Initrd != nil {
		if initrd, err = l.placeInitrd(k); err != nil {
			return Start{}, fmt.Errorf("initrd %q: %w", l.Initrd.Name, err)
		}
	}
	if err := k.image.Load(l.Memory); err != nil {
		return Start{}, fmt.Errorf("kernel %q: %w", l.Kernel.Name, err)
	}
	l.placed = append(l.placed, Range{Name: "kernel", Addr: k.first, Size: k.size})
	if l.Initrd != nil {
		if err := l.Memory.CopyFromAt(l.Initrd.Data, 0, initrd.Addr, initrd.Size); err != nil {
			return Start{}, fmt.Errorf("initrd %q: %w", l.Initrd.Name, err)
		}
		l.placed = append(l.placed, initrd)
	}
	if k.protocol == PVH {
		return l.startPVH(k, initrd)
	}
	return l.startLinux(k, initrd)
}

// writeCommandLine writes the command line with a NUL behind it. limit is what
// the kernel takes, without the NUL.
func (l *loader) writeCommandLine(limit uint64) error {
	n := uint64(len(l.CommandLine))
	if limit = min(limit, mem.CommandLineSize-1); n > limit {
		return fmt.Errorf("%d bytes: the kernel takes %d", n, limit)
	}
	if at := strings.IndexByte(l.CommandLine, 0); at >= 0 {
		return fmt.Errorf("a NUL at byte %d: nothing behind it would be read", at)
	}
	return l.write("command line", mem.CommandLine, append([]byte(l.CommandLine), 0))
}

// write puts b into memory and notes where.
func (l *loader) write(name string, at mem.Addr, b []byte) error {
	if err := l.Memory.WriteAt(b, at); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	l.placed = append(l.placed, Range{Name: name, Addr: at, Size: uint64(len(b))})
	return nil
}

// check refuses a file that cannot be one.
func (f *File) check() error {
	switch {
	case f.Data == nil:
		return errors.New("no file")
	case f.Size <= 0:
		return fmt.Errorf("%d bytes: the file is empty", f.Size)
	}
	return nil
}

// head is the first bytes of the file, at most n.
func (f *File) head(n int64) ([]byte, error) {
	b := make([]byte, min(n, f.Size))
	m, err := f.Data.ReadAt(b, 0)
	if m < len(b) {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, fmt.Errorf("read %d bytes at 0: %w", len(b), err)
	}
	return b, nil
}
