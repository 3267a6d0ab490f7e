package pci

import (
	"encoding/binary"

	"github.com/hullvm/hull/devices"
	"github.com/hullvm/hull/devices/pci"
)

// regions are what answers in the BAR, but for the tables of MSI-X.
func (t *Transport) regions() []devices.Region {
	return []devices.Region{
		{Name: "common configuration", Base: commonOffset, Size: page, Handler: (*commonHandler)(t)},
		{Name: "ISR status", Base: isrOffset, Size: page, Handler: (*isrHandler)(t)},
		{Name: "device configuration", Base: configOffset, Size: page, Handler: (*configHandler)(t)},
		{Name: "notifications", Base: notifyOffset, Size: page, Handler: (*notifyHandler)(t)},
	}
}

// addCapabilities says where the structures are, section 4.1.4.
func (t *Transport) addCapabilities() error {
	notify := structure(typeNotify, notifyOffset, uint32(max(len(t.queues), 1)*notifyMultiplier), capBodyLong)
	binary.LittleEndian.PutUint32(notify[capMultiplier:], notifyMultiplier)
	for _, body := range [][]byte{
		structure(typeCommon, commonOffset, commonSize, capBody),
		notify,
		structure(typeISR, isrOffset, 1, capBody),
		structure(typeDevice, configOffset, page, capBody),
	} {
		if _, err := t.function.AddCapability(pci.CapVendor, body, nil, pci.CapabilityHooks{}); err != nil {
			return err
		}
	}
	return t.addWindow()
}

// structure is the body of a struct virtio_pci_cap.
func structure(kind byte, offset, length uint32, size int) []byte {
	body := make([]byte, size)
	body[capLen] = byte(size + 2)
	body[capType] = kind
	body[capBAR] = barIndex
	binary.LittleEndian.PutUint32(body[capOffset:], offset)
	binary.LittleEndian.PutUint32(body[capLength:], length)
	return body
}

// addWindow adds VIRTIO_PCI_CAP_PCI_CFG, section 4.1.4.9: a window by which the
// BAR can be used where it is not mapped.
func (t *Transport) addWindow() error {
	writable := make([]byte, capBodyLong)
	writable[capBAR] = 0xff
	for i := capOffset; i < capBodyLong; i++ {
		writable[i] = 0xff
	}
	w := &window{function: t.function}
	at, err := t.function.AddCapability(pci.CapVendor, structure(typeWindow, 0, 0, capBodyLong), writable,
		pci.CapabilityHooks{Reading: w.reading, Written: w.written})
	w.at = at
	return err
}

// window is what the guest sees of the BAR through configuration space.
type window struct {
	function *pci.Function
	at       uint8 // of the capability
}

func (w *window) reading(off, n int) {
	index, offset, data := w.selected(off, n)
	if len(data) > 0 && w.function.ReadBAR(index, offset, data) {
		w.function.SetCapabilityBody(w.at, capWindow, data)
	}
}

func (w *window) written(off, n int) {
	if index, offset, data := w.selected(off, n); len(data) > 0 {
		w.function.WriteBAR(index, offset, data)
	}
}

// selected is what an access to n bytes of the capability at off is to: data is
// empty where it does not touch pci_cfg_data or the window is nothing valid.
func (w *window) selected(off, n int) (index int, offset uint64, data []byte) {
	if off+n <= capWindow {
		return 0, 0, nil
	}
	var body [capBodyLong]byte
	w.function.CapabilityBody(w.at, 0, body[:])
	length := binary.LittleEndian.Uint32(body[capLength:])
	at := binary.LittleEndian.Uint32(body[capOffset:])
	switch length {
	case 1, 2, 4:
	default:
		return 0, 0, nil
	}
	if at%length != 0 {
		return 0, 0, nil
	}
	return int(body[capBAR]), uint64(at), body[capWindow:][:length]
}
