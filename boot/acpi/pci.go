package acpi

import (
	"encoding/binary"
	"fmt"
)

// PCI is a PCI Express host bridge of segment 0, whose buses count from 0.
type PCI struct {
	// ECAM is where the configuration space of bus 0 begins: 1 MiB a bus.
	ECAM  uint64
	Buses int // 1 to 256

	// Window32 and Window64 are where base addresses may be placed, below and
	// above 4 GiB. A window of size 0 is left out.
	Window32, Window64 Window

	// Interrupts are the global system interrupts that INTA# to INTD# of device
	// 0 raise; each next device begins one further on (PCI local bus 3.0, 2.2.6).
	Interrupts [4]uint8
}

// Window is a range of guest-physical addresses.
type Window struct {
	Base, Size uint64 // bytes
}

const (
	ecamBusSize = 1 << 20
	maxBuses    = 256

	pciSlots = 32
	pciPins  = 4
)

func (p *PCI) check() error {
	switch {
	case p.Buses < 1 || p.Buses > maxBuses:
		return fmt.Errorf("%d buses: want 1 to %d", p.Buses, maxBuses)
	case p.ECAM == 0 || p.ECAM%ecamBusSize != 0 || p.ECAM+uint64(p.Buses)*ecamBusSize > 1<<32:
		return fmt.Errorf("ECAM at %#x: want a multiple of %#x below 4 GiB", p.ECAM, ecamBusSize)
	case p.Window32.Base+p.Window32.Size > 1<<32:
		return fmt.Errorf("window at %#x: does not end below 4 GiB", p.Window32.Base)
	case p.Window64.Size != 0 && (p.Window64.Base < 1<<32 || p.Window64.Base+p.Window64.Size < p.Window64.Base):
		return fmt.Errorf("window at %#x: does not lie above 4 GiB", p.Window64.Base)
	}
	for _, gsi := range p.Interrupts {
		if gsi < isaInterrupts || gsi >= ioAPICInputs {
			return fmt.Errorf("interrupt %d: want %d to %d", gsi, isaInterrupts, ioAPICInputs-1)
		}
	}
	return nil
}

// mcfg says where configuration space is (PCI Firmware Specification 3.3, 4.1.2).
func mcfg(p *PCI) []byte {
	b := make([]byte, 8, 8+16) // reserved
	b = binary.LittleEndian.AppendUint64(b, p.ECAM)
	b = binary.LittleEndian.AppendUint16(b, 0) // segment
	b = append(b, 0, byte(p.Buses-1), 0, 0, 0, 0)
	return table("MCFG", 1, b)
}

// amlPCI is the host bridge, and the device that keeps its configuration space
// for it: the range must stand among a motherboard's resources, since a bridge
// that named it itself would hand it on to its bus (PCI Firmware Specification
// 3.3, 4.1.2).
func amlPCI(p *PCI) [][]byte {
	return [][]byte{
		amlDevice(nameSeg{'P', 'C', 'I', '0'},
			amlName(nameHID, amlHardwareID("PNP0A08")),
			amlName(nameCID, amlHardwareID("PNP0A03")),
			amlName(nameUID, amlInteger(0)),
			amlName(nameSEG, amlInteger(0)),
			amlName(nameBBN, amlInteger(0)),
			amlName(nameCRS, p.resources()),
			amlName(namePRT, p.routing()),
		),
		amlDevice(nameSeg{'E', 'C', 'A', 'M'},
			amlName(nameHID, amlHardwareID("PNP0C02")),
			amlName(nameUID, amlInteger(0)),
			amlName(nameCRS, resourceTemplate(memory32Fixed(uint32(p.ECAM), uint32(p.Buses)*ecamBusSize))),
		),
	}
}

// resources are what the bridge has for its buses: their numbers, the ports of
// configuration mechanism 1, and memory.
func (p *PCI) resources() []byte {
	list := [][]byte{
		busNumbers(0, uint16(p.Buses-1)),
		ioPorts(PortRange{Base: 0xcf8, Size: 8}),
	}
	if w := p.Window32; w.Size != 0 {
		list = append(list, memory32(uint32(w.Base), uint32(w.Size)))
	}
	if w := p.Window64; w.Size != 0 {
		list = append(list, memory64(w.Base, w.Size))
	}
	return resourceTemplate(list...)
}

// routing is the _PRT of bus 0 (section 6.2.13): which interrupt each pin of
// each device raises.
func (p *PCI) routing() []byte {
	var entries [][]byte
	for slot := 1; slot < pciSlots; slot++ {
		for pin := range pciPins {
			entries = append(entries, amlPackage(
				amlInteger(uint64(slot)<<16|0xffff),
				amlInteger(uint64(pin)),
				amlInteger(0),
				amlInteger(uint64(p.Interrupts[(slot+pin)%pciPins])),
			))
		}
	}
	return amlPackage(entries...)
}

// Resource descriptors of address spaces, section 6.4.3.
const (
	resourceMemory32Fixed = 0x86
	resourceDWordAddress  = 0x87
	resourceWordAddress   = 0x88
	resourceQWordAddress  = 0x8a

	addressMemory = 0
	addressBuses  = 2

	addressMinFixed = 1 << 2
	addressMaxFixed = 1 << 3

	memoryWritable = 1 << 0
)

// memory32Fixed is Memory32Fixed (ReadWrite, base, size).
func memory32Fixed(base, size uint32) []byte {
	out := []byte{resourceMemory32Fixed, 9, 0, 1}
	out = binary.LittleEndian.AppendUint32(out, base)
	return binary.LittleEndian.AppendUint32(out, size)
}

// busNumbers is WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode,
// 0, first, last, 0, n).
func busNumbers(first, last uint16) []byte {
	out := []byte{resourceWordAddress, 13, 0, addressBuses, addressMinFixed | addressMaxFixed, 0}
	for _, v := range []uint16{0, first, last, 0, last - first + 1} {
		out = binary.LittleEndian.AppendUint16(out, v)
	}
	return out
}

// memory32 is DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed,
// NonCacheable, ReadWrite, 0, first, last, 0, size).
func memory32(base, size uint32) []byte {
	out := []byte{resourceDWordAddress, 23, 0, addressMemory, addressMinFixed | addressMaxFixed, memoryWritable}
	for _, v := range []uint32{0, base, base + size - 1, 0, size} {
		out = binary.LittleEndian.AppendUint32(out, v)
	}
	return out
}

// memory64 is QWordMemory of the same.
func memory64(base, size uint64) []byte {
	out := []byte{resourceQWordAddress, 43, 0, addressMemory, addressMinFixed | addressMaxFixed, memoryWritable}
	for _, v := range []uint64{0, base, base + size - 1, 0, size} {
		out = binary.LittleEndian.AppendUint64(out, v)
	}
	return out
}
