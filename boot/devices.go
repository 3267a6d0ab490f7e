package boot

import (
	"fmt"
	"math"

	"github.com/hullvm/hull/boot/acpi"
	"github.com/hullvm/hull/mem"
)

// hardwareIDs are what guests know the kinds of device by.
var hardwareIDs = map[Kind]string{
	Serial:  "PNP0501",
	RTC:     "PNP0B00",
	PVPanic: "QEMU0001",
	I8042:   "PNP0303",
}

// writeACPI builds the ACPI tables and writes them.
func (l *loader) writeACPI() error {
	c := acpi.Config{
		APICIDs:       l.APICIDs,
		IOAPICID:      l.IOAPICID,
		IOAPICAddr:    uint32(mem.IOAPIC),
		LocalAPICAddr: uint32(mem.LocalAPIC),
		Power:         l.Power,
		PCI:           l.PCI,
		Generation:    l.Generation,
	}
	count := make(map[Kind]uint32)
	for _, d := range l.Devices {
		count[d.Kind]++
		device, err := acpiDevice(d, count[d.Kind])
		if err != nil {
			return fmt.Errorf("device %q: %w", d.Name, err)
		}
		c.Devices = append(c.Devices, device)
	}
	c.KeyboardController = count[I8042] != 0
	c.Clock = count[RTC] != 0
	tables, err := acpi.Build(c)
	if err != nil {
		return err
	}
	for _, t := range tables {
		if err := l.write("ACPI "+t.Name, t.Addr, t.Data); err != nil {
			return err
		}
	}
	return nil
}

func acpiDevice(d Device, uid uint32) (acpi.Device, error) {
	hid, ok := hardwareIDs[d.Kind]
	if !ok {
		return acpi.Device{}, fmt.Errorf("kind %q: want serial, rtc, pvpanic or i8042", d.Kind)
	}
	if d.Size == 0 || d.Size > math.MaxUint8 {
		return acpi.Device{}, fmt.Errorf("%d ports: want 1 to %d", d.Size, math.MaxUint8)
	}
	out := acpi.Device{
		Name: d.Name, HID: hid, UID: uid,
		Ports: []acpi.PortRange{{Base: d.Addr, Size: uint8(d.Size)}},
	}
	if d.Kind == I8042 {
		// Data and command port, with ports of other devices between them.
		out.Ports = []acpi.PortRange{{Base: d.Addr, Size: 1}, {Base: d.Addr + 4, Size: 1}}
	}
	if d.Interrupt != 0 {
		out.IRQs = []uint8{d.Interrupt}
	}
	return out, nil
}
