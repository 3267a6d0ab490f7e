package pci

import (
	"github.com/hullvm/hull/devices/pci"
	"github.com/hullvm/hull/devices/virtio"
)

// classes are the class codes (class, subclass, interface) by which guests list
// the devices; drivers go by the IDs.
var classes = map[virtio.ID]uint32{
	virtio.IDNet:     0x020000, // Ethernet controller
	virtio.IDBlock:   0x018000, // mass storage, other
	virtio.IDConsole: 0x078000, // communication, other
	virtio.IDVsock:   0x078000,
	virtio.IDFS:      0x018000,
	virtio.IDPmem:    0x058000, // memory, other
	virtio.IDMem:     0x058000,
}

// classOther is a device that no class fits.
const classOther = 0x00ff00

func identity(id virtio.ID) pci.Identity {
	class, ok := classes[id]
	if !ok {
		class = classOther
	}
	return pci.Identity{
		Vendor: vendorID, Device: deviceIDBase + uint16(id),
		SubsystemVendor: vendorID, Subsystem: deviceIDBase + uint16(id),
		Class: class, Revision: revision,
	}
}
