// Package pci is the virtio transport over PCI, modern devices only (virtio 1.2,
// section 4.1): a PCI function with one BAR for a [virtio.Device].
//
// Status, features and queues are the transport's; a device is told of them once
// the driver has set DRIVER_OK. Activation and reset happen within the guest's
// write, so that the write's return is the device's answer. What the driver
// writes against the rules is dropped and counted. While the guest has not set
// Bus Master Enable the device is paused.
//
// # State
//
// A transport keeps its registers, the place in each queue, and its device, which
// has to be a [vmstate.Keeper] for that. A device that was active is activated
// within Load and held; guest memory is not touched before Resume. The first
// Resume signals every queue and interrupts the driver once for each, since a
// notification may have been under way between the two.
//
// # Locks
//
// control comes before mu. control serialises what the device is told (Activate,
// Deactivate, Pause, Resume) and is held meanwhile; mu guards the registers and
// is never held across a call of the device. Activation's functions take mu at
// most, so a device may call them from within. Doorbells and interrupts of
// queues take neither.
package pci
