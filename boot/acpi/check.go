package acpi

import (
	"fmt"
	"math"
)

// ioAPICInputs is how many inputs the I/O APIC has: interrupts 0 to 23.
const ioAPICInputs = 24

func (c *Config) check() error {
	if len(c.APICIDs) == 0 {
		return fmt.Errorf("no processor: want at least one APIC id")
	}
	seen := make(map[uint32]int, len(c.APICIDs))
	for uid, id := range c.APICIDs {
		if id == math.MaxUint32 {
			return fmt.Errorf("processor %d: APIC id %#x: it stands for all processors", uid, id)
		}
		if first, ok := seen[id]; ok {
			return fmt.Errorf("processor %d: APIC id %d: processor %d has it", uid, id, first)
		}
		seen[id] = uid
	}
	if err := c.Power.check(); err != nil {
		return fmt.Errorf("power management: %w", err)
	}
	if c.PCI != nil {
		if err := c.PCI.check(); err != nil {
			return fmt.Errorf("PCI: %w", err)
		}
	}
	if c.Generation != nil {
		if err := c.Generation.check(&c.Power); err != nil {
			return fmt.Errorf("generation id: %w", err)
		}
	}
	names := map[nameSeg]bool{nameGeneration: c.Generation != nil}
	for _, d := range c.Devices {
		name, err := d.check()
		if err != nil {
			return fmt.Errorf("device %q: %w", d.Name, err)
		}
		if names[name] {
			return fmt.Errorf("device %q: there are two of that name", d.Name)
		}
		names[name] = true
	}
	return nil
}

func (p *Power) check() error {
	for _, r := range []struct {
		name string
		base uint16
		size int
	}{
		{"PM1 event block", p.PM1Event, pm1EventSize},
		{"PM1 control block", p.PM1Control, pm1ControlSize},
		{"timer", p.Timer, timerSize},
		{"reset register", p.Reset, 1},
		{"GPE0 block", p.GPE0, int(p.GPE0Size)},
	} {
		if err := checkPorts(r.base, r.size); r.size != 0 && err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
	}
	switch {
	case p.GPE0Size%2 != 0:
		return fmt.Errorf("GPE0 block: size %d: its halves must be of one size", p.GPE0Size)
	case p.GPE0Size > math.MaxUint8/8:
		return fmt.Errorf("GPE0 block: size %d: the most is %d", p.GPE0Size, math.MaxUint8/8)
	case p.SCI == 0 || p.SCI > 15:
		return fmt.Errorf("SCI: interrupt %d: want an ISA interrupt, 1 to 15", p.SCI)
	case p.SleepTypeS5 > 7:
		return fmt.Errorf("sleep type %d: SLP_TYP has three bits", p.SleepTypeS5)
	}
	return nil
}

func (d *Device) check() (nameSeg, error) {
	name, err := parseNameSeg(d.Name)
	if err != nil {
		return nameSeg{}, err
	}
	if err := checkHardwareID(d.HID); err != nil {
		return nameSeg{}, err
	}
	for _, p := range d.Ports {
		if err := checkPorts(p.Base, int(p.Size)); err != nil {
			return nameSeg{}, err
		}
	}
	for _, irq := range d.IRQs {
		if irq >= ioAPICInputs {
			return nameSeg{}, fmt.Errorf("interrupt %d: the highest is %d", irq, ioAPICInputs-1)
		}
	}
	return name, nil
}

func checkPorts(base uint16, size int) error {
	switch {
	case size == 0:
		return fmt.Errorf("port %#x: an empty range", base)
	case base == 0:
		return fmt.Errorf("port 0: it stands for no register")
	case int(base)+size > math.MaxUint16+1:
		return fmt.Errorf("ports %#x to %#x: the last port is 0xffff", base, int(base)+size-1)
	}
	return nil
}
