package snapshot

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hullvm/hull/mem"
	"github.com/hullvm/hull/vmstate"
)

// Limits of a manifest.
const (
	MaxMachine = 16 << 20 // bytes of a machine's description
	maxText    = 256      // bytes of a text for people
	maxPath    = 4096     // bytes
	maxSlots   = 64
	maxDisks   = 1024
)

// Check refuses a manifest that Hull cannot have written.
func (m *Manifest) Check() error {
	if m.Format != Format {
		return fmt.Errorf("its format is %d, and this version of Hull knows %d", m.Format, Format)
	}
	for _, check := range []struct {
		what string
		err  error
	}{
		{"hull", checkText(m.Hull, false)},
		{"created", checkTime(m.Created)},
		{"name", checkName(m.Name)},
		{"instance", m.Instance.check()},
		{"parent", m.checkParent()},
		{"machine", m.Machine.check(MaxMachine)},
		{"state", m.State.check(vmstate.MaxSize)},
		{"memory", m.Memory.check()},
		{"cpu", m.CPU.check()},
		{"vcpus", m.checkVCPUs()},
		{"kernel", checkText(m.Kernel, true)},
		{"disks", checkDisks(m.Disks)},
	} {
		if check.err != nil {
			return fmt.Errorf("%s: %w", check.what, check.err)
		}
	}
	return nil
}

func (i *Instance) check() error {
	if err := checkName(i.Name); err != nil {
		return fmt.Errorf("name %q: %w", i.Name, err)
	}
	return checkHash("id", i.ID)
}

// checkParent holds that a map of pages is there with a parent, and only then.
func (m *Manifest) checkParent() error {
	switch {
	case m.Parent == nil && m.Memory.Map != "":
		return errors.New("there is none, and a map of pages that lie over one")
	case m.Parent == nil:
		return nil
	case m.Parent.Name == m.Name:
		return errors.New("it is its own")
	}
	if err := checkName(m.Parent.Name); err != nil {
		return fmt.Errorf("name %q: %w", m.Parent.Name, err)
	}
	return errors.Join(checkHash("manifest", m.Parent.Manifest), checkHash("map of pages", m.Memory.Map))
}

func (f *File) check(most int64) error {
	if f.Size <= 0 || f.Size > most {
		return fmt.Errorf("size of %d bytes: want 1 to %d", f.Size, most)
	}
	return checkHash("sha256", f.SHA256)
}

func (m *Memory) check() error {
	if m.PageSize != mem.PageSize && m.PageSize != mem.HugePage2M && m.PageSize != mem.HugePage1G {
		return fmt.Errorf("page_size %d: want %d, %d or %d", m.PageSize, mem.PageSize, mem.HugePage2M, mem.HugePage1G)
	}
	if m.Size <= 0 || m.Size > mem.MaxSize || m.Size%m.PageSize != 0 {
		return fmt.Errorf("size of %d bytes: want pages of %d, up to %d bytes", m.Size, m.PageSize, int64(mem.MaxSize))
	}
	if m.Backing != BackingAnonymous && m.Backing != BackingMemfd {
		return fmt.Errorf("backing %q: want %q or %q", m.Backing, BackingAnonymous, BackingMemfd)
	}
	return errors.Join(m.checkSlots(), checkHash("sums", m.Sums))
}

// checkSlots holds that the slots follow each other, in the guest and in the file,
// and are all of the memory.
func (m *Memory) checkSlots() error {
	if len(m.Slots) == 0 || len(m.Slots) > maxSlots {
		return fmt.Errorf("%d slots: want 1 to %d", len(m.Slots), maxSlots)
	}
	var offset int64
	var free uint64 // the first address after the slots so far
	for i, s := range m.Slots {
		switch {
		case s.Size <= 0 || s.Size > m.Size-offset || s.Size%m.PageSize != 0:
			return fmt.Errorf("slot %d: size of %d bytes, of a memory of %d that has %d left", i, s.Size, m.Size, m.Size-offset)
		case s.Base%uint64(m.PageSize) != 0 || s.Base < free || s.Base > 1<<52-uint64(s.Size):
			return fmt.Errorf("slot %d: base %#x: want pages from %#x on", i, s.Base, free)
		case s.Offset != offset:
			return fmt.Errorf("slot %d: offset %d: want %d", i, s.Offset, offset)
		}
		offset += s.Size
		free = s.Base + uint64(s.Size)
	}
	if offset != m.Size {
		return fmt.Errorf("slots of %d bytes, and not of %d", offset, m.Size)
	}
	return nil
}

// mostVCPUs is what KVM runs at most on x86.
const mostVCPUs = 4096

func (m *Manifest) checkVCPUs() error {
	if m.VCPUs < 1 || m.VCPUs > mostVCPUs || m.Held < 0 {
		return fmt.Errorf("%d of them, held for %v: want 1 to %d, and a time", m.VCPUs, m.Held, mostVCPUs)
	}
	return nil
}

func (c *CPU) check() error {
	const mostKHz = 1_000_000_000
	if c.TSC == 0 || c.TSC > mostKHz {
		return fmt.Errorf("tsc_khz %d: want 1 to %d", c.TSC, mostKHz)
	}
	for _, text := range []struct {
		what string
		err  error
	}{
		{"vendor", checkText(c.Vendor, false)},
		{"name", checkText(c.Name, true)},
		{"guest", checkText(c.Guest, false)},
	} {
		if text.err != nil {
			return fmt.Errorf("%s: %w", text.what, text.err)
		}
	}
	return nil
}

func checkDisks(disks []Disk) error {
	if len(disks) > maxDisks {
		return fmt.Errorf("%d of them: the most is %d", len(disks), maxDisks)
	}
	for i := range disks {
		if err := disks[i].check(); err != nil {
			return fmt.Errorf("%d: %w", i, err)
		}
	}
	return nil
}

func (d *Disk) check() error {
	switch {
	case d.Role != RoleDisk && d.Role != RoleBacking:
		return fmt.Errorf("role %q: want %q or %q", d.Role, RoleDisk, RoleBacking)
	case d.Format != "raw" && d.Format != "qcow2":
		return fmt.Errorf(`format %q: want "raw" or "qcow2"`, d.Format)
	case d.File.Size < 0:
		return fmt.Errorf("size of %d bytes", d.File.Size)
	case len(d.Path) > maxPath || !filepath.IsAbs(d.Path) || filepath.Clean(d.Path) != d.Path || strings.ContainsRune(d.Path, 0) || !utf8.ValidString(d.Path):
		return fmt.Errorf("path %.100q: want an absolute one without \".\" and \"..\", of UTF-8, up to %d bytes", d.Path, maxPath)
	}
	if err := checkName(d.Name); err != nil {
		return fmt.Errorf("name %q: %w", d.Name, err)
	}
	if d.File.Modified.IsZero() && d.File.Modified.Location() == time.UTC {
		return nil
	}
	return checkTime(d.File.Modified)
}

// checkTime wants what is written as the same text again.
func checkTime(t time.Time) error {
	if t.IsZero() || t.Location() != time.UTC || t.Year() < 0 || t.Year() > 9999 {
		return fmt.Errorf("time %v: want one in UTC", t)
	}
	return nil
}

func checkText(s string, mayBeEmpty bool) error {
	if s == "" && mayBeEmpty {
		return nil
	}
	if s == "" || len(s) > maxText || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) {
		return fmt.Errorf("text %.100q: want 1 to %d printable ASCII characters", s, maxText)
	}
	return nil
}

const hashDigits = 64

func checkHash(what, s string) error {
	if len(s) != hashDigits || strings.Trim(s, "0123456789abcdef") != "" {
		return fmt.Errorf("%s %.100q: want %d hexadecimal digits", what, s, hashDigits)
	}
	return nil
}
