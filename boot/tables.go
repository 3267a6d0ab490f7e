package boot

import (
	"encoding/binary"
	"fmt"

	"github.com/hullvm/hull/boot/acpi"
	"github.com/hullvm/hull/mem"
)

// writeTables builds the ACPI tables and puts them into memory.
func (l *loader) writeTables() error {
	c := acpi.Config{
		APICIDs:       l.APICIDs,
		IOAPICID:      l.IOAPICID,
		IOAPICAddr:    uint32(mem.IOAPIC),
		LocalAPICAddr: uint32(mem.LocalAPIC),
		Power:         l.Power,
	}
	for i, d := range l.Devices {
		a, err := acpiDevice(d, uint32(i))
		if err != nil {
			return err
		}
		switch d.Kind {
		case I8042:
			c.KeyboardController = true
		case RTC:
			c.Clock = true
		}
		c.Devices = append(c.Devices, a)
	}
	tables, err := acpi.Build(c)
	if err != nil {
		return fmt.Errorf("ACPI tables: %w", err)
	}
	for _, t := range tables {
		if err := l.write("ACPI "+t.Name, t.Data, t.Addr); err != nil {
			return err
		}
	}
	return nil
}

// hardwareIDs are the ids that guests know the kinds of device by.
var hardwareIDs = map[Kind]string{
	Serial:  "PNP0501",
	RTC:     "PNP0B00",
	PVPanic: "QEMU0001",
	I8042:   "PNP0303",
}

func acpiDevice(d Device, uid uint32) (acpi.Device, error) {
	hid, ok := hardwareIDs[d.Kind]
	if !ok {
		return acpi.Device{}, fmt.Errorf("device %q: kind %q is none that a guest can be told of", d.Name, d.Kind)
	}
	if d.Size == 0 || d.Size > 255 {
		return acpi.Device{}, fmt.Errorf("device %q: %d ports, 1 to 255 are", d.Name, d.Size)
	}
	a := acpi.Device{Name: d.Name, HID: hid, UID: uid, Ports: []acpi.PortRange{{Base: d.Addr, Size: uint8(d.Size)}}}
	if d.Interrupt != 0 {
		a.IRQs = []uint8{d.Interrupt}
	}
	return a, nil
}

// Selectors of the boot GDT: those that Linux's boot protocol names
// (Documentation/arch/x86/boot.rst, "64-bit BOOT PROTOCOL").
const (
	selectorCode = 0x10
	selectorData = 0x18
	selectorTask = 0x20
)

// writeGDT writes the descriptors that the segment registers were loaded from.
func (l *loader) writeGDT(code, data, task Segment) error {
	gdt := make([]byte, selectorTask+16)
	for _, s := range []Segment{code, data, task} {
		binary.LittleEndian.PutUint64(gdt[s.Selector:], s.descriptor())
	}
	return l.write("GDT", gdt, mem.BootGDT)
}

// descriptor is the segment as a GDT holds it (Intel SDM volume 3, figure 3-8).
func (s Segment) descriptor() uint64 {
	limit := uint64(s.Limit)
	if s.G != 0 {
		limit >>= 12
	}
	d := limit&0xffff | s.Base&0xffffff<<16 | limit>>16&0xf<<48 | s.Base>>24&0xff<<56
	d |= uint64(s.Type)<<40 | uint64(s.S)<<44 | uint64(s.DPL)<<45 | uint64(s.Present)<<47
	return d | uint64(s.AVL)<<52 | uint64(s.L)<<53 | uint64(s.DB)<<54 | uint64(s.G)<<55
}

// Bits of a page-table entry (Intel SDM volume 3, 4.5).
const (
	pagePresent = 1 << 0
	pageWrite   = 1 << 1
	pageLarge   = 1 << 7

	tableEntries = 512
	tableSize    = 4096
)

// writePageTables maps memory to itself: 512 GiB with pages of 1 GiB, or the
// first 4 GiB with pages of 2 MiB.
func (l *loader) writePageTables() error {
	pml4 := uint64(mem.BootPageTables)
	pdpt := pml4 + tableSize
	tables := make([]byte, 2*tableSize, mem.BootPageTablesSize)
	le := binary.LittleEndian
	le.PutUint64(tables, pdpt|pagePresent|pageWrite)
	if l.GiantPages {
		for i := range uint64(tableEntries) {
			le.PutUint64(tables[tableSize+8*i:], i<<30|pagePresent|pageWrite|pageLarge)
		}
		return l.write("page tables", tables, mem.BootPageTables)
	}
	const directories = 4
	tables = tables[:(2+directories)*tableSize]
	for d := range uint64(directories) {
		le.PutUint64(tables[tableSize+8*d:], (pdpt+(1+d)*tableSize)|pagePresent|pageWrite)
		for i := range uint64(tableEntries) {
			le.PutUint64(tables[(2+d)*tableSize+8*i:], d<<30|i<<21|pagePresent|pageWrite|pageLarge)
		}
	}
	return l.write("page tables", tables, mem.BootPageTables)
}
