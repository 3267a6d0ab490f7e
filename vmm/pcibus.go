package vmm

import (
	"errors"
	"fmt"

	"github.com/hullvm/hull/boot/acpi"
	"github.com/hullvm/hull/devices"
	"github.com/hullvm/hull/devices/pci"
	"github.com/hullvm/hull/devices/virtio"
	virtiopci "github.com/hullvm/hull/devices/virtio/pci"
	"github.com/hullvm/hull/mem"
	"github.com/hullvm/hull/vmstate"
)

// Virtio is a virtio device that the machine has on its PCI bus. The machine
// activates, pauses and deactivates it; what stands behind it is its maker's to
// close, after the machine.
type Virtio struct {
	Name   string // for messages
	Device virtio.Device
}

// The PCI bus: where its interrupts arrive, and how many devices it has room
// for beside the host bridge.
const (
	pciBuses     = 1
	pciFirstGSI  = 16 // INTA# of slot 0; the four lines follow each other
	pciLines     = 4
	pciLastSlot  = 31
	pciFirstSlot = 1
)

// PCIAddress is where the device at an index of Config.Devices is on the bus, as
// bus:slot.function.
func PCIAddress(index int) string { return fmt.Sprintf("00:%02x.0", pciFirstSlot+index) }

// pciBus is the machine's PCI bus with the devices on it.
type pciBus struct {
	root       *pci.RootComplex
	transports []*virtiopci.Transport
	lines      [pciLines]*sharedLine
}

// pciLayout is what the firmware tables say of the bus.
func pciLayout() *acpi.PCI {
	p := &acpi.PCI{
		ECAM:     uint64(mem.PCIECAM),
		Buses:    pciBuses,
		Window32: acpi.Window{Base: uint64(mem.PCIWindow32), Size: mem.PCIWindow32Size},
	}
	for i := range p.Interrupts {
		p.Interrupts[i] = uint8(pciFirstGSI + i)
	}
	return p
}

// addPCI makes the bus and puts the devices on it, in their order. ports are the
// regions that other devices have in port space; what is returned has the bus's
// own among them.
func (m *Machine) addPCI(c *Config, mmio *devices.Bus, ports []devices.Region) ([]devices.Region, error) {
	layout := pciLayout()
	b := &pciBus{root: pci.NewRootComplex(pci.Config{Memory: mmio, ECAMBase: layout.ECAM, Buses: layout.Buses, Log: m.log})}
	m.pci = b
	for i, gsi := range layout.Interrupts {
		line := newLevelLine(m.vm, fmt.Sprintf("INT%c", 'A'+i), uint32(gsi), m.lineFailed)
		m.lines = append(m.lines, line)
		b.lines[i] = &sharedLine{line: line}
	}
	if n := pciLastSlot - pciFirstSlot + 1; len(c.Devices) > n {
		return nil, fmt.Errorf("%d devices: the PCI bus has room for %d", len(c.Devices), n)
	}
	for i, d := range c.Devices {
		if err := m.attach(pciFirstSlot+i, d); err != nil {
			return nil, err
		}
	}
	window := pci.Window{Base: layout.Window32.Base, Size: layout.Window32.Size}
	if err := b.root.PlaceBARs(window, pci.Window{}); err != nil {
		return nil, err
	}
	if err := mmio.Add(b.root.Regions()...); err != nil {
		return nil, err
	}
	return b.root.PortRegions(ports...), nil
}

func (m *Machine) attach(slot int, d Virtio) error {
	t, err := virtiopci.New(virtiopci.Config{
		Name:      d.Name,
		Device:    d.Device,
		Memory:    m.memory,
		Vectors:   m.newMSIVector,
		Doorbells: doorbells{m.vm},
		Line:      m.pci.lines[slot%pciLines].tap(),
		Log:       m.log,
	})
	if err != nil {
		return err
	}
	m.pci.transports = append(m.pci.transports, t)
	return m.pci.root.Add(slot, t.Function())
}

func (b *pciBus) pause() {
	for _, t := range b.transports {
		t.Pause()
	}
}

func (b *pciBus) resume() {
	for _, t := range b.transports {
		t.Resume()
	}
}

// save writes the state of the bus and of what is on it.
func (b *pciBus) save(out vmstate.Out) error {
	errs := []error{b.root.Save(out)}
	for i, t := range b.transports {
		errs = append(errs, t.Save(out.At(PCIAddress(i)).At("virtio")))
	}
	return errors.Join(errs...)
}

// load takes over that state. The bus comes first: it has the functions where
// their devices are to be found.
func (b *pciBus) load(in vmstate.In) error {
	if err := b.root.Load(in); err != nil {
		return err
	}
	for i, t := range b.transports {
		if err := t.Load(in.At(PCIAddress(i)).At("virtio")); err != nil {
			return err
		}
	}
	return nil
}

// close ends what the devices do. Afterwards none of them touches guest memory.
func (b *pciBus) close() error {
	var errs []error
	for _, t := range b.transports {
		errs = append(errs, t.Close())
	}
	return errors.Join(errs...)
}
