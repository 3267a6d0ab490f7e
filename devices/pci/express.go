package pci

import "encoding/binary"

// PCI Express capability, section 7.5.3, by offsets in its body. A root complex
// integrated endpoint has no link, so the registers of links, slots and roots
// are 0.
const (
	expressCapabilities  = 0x00 // R, 16 bits
	expressDevice        = 0x02 // R, 32 bits: Device Capabilities
	expressDeviceControl = 0x06 // RW, 16 bits
	expressDeviceStatus  = 0x08 // RW1C, 16 bits
	expressBody          = 0x3a // up to Slot Status 2

	expressVersion     = 2
	expressIntegrated  = 9 << 4  // Device/Port Type: root complex integrated endpoint
	expressRoleErrors  = 1 << 15 // Device Capabilities: role-based error reporting
	expressRelaxed     = 1 << 4  // Device Control: enable relaxed ordering
	expressNoSnoop     = 1 << 11 // Device Control: enable no snoop
	expressReadRequest = 2 << 12 // Device Control: max read request of 512 bytes
	expressWritable    = 0x78ff  // Device Control: not those of phantom functions, aux power and reset
	expressErrors      = 0x000f  // Device Status: errors detected; none ever is
)

// AddExpress adds the capability that makes the function one of PCI Express: a
// root complex integrated endpoint.
func (f *Function) AddExpress() error {
	var body, writable [expressBody]byte
	binary.LittleEndian.PutUint16(body[expressCapabilities:], expressVersion|expressIntegrated)
	binary.LittleEndian.PutUint32(body[expressDevice:], expressRoleErrors)
	binary.LittleEndian.PutUint16(body[expressDeviceControl:], expressRelaxed|expressNoSnoop|expressReadRequest)
	binary.LittleEndian.PutUint16(writable[expressDeviceControl:], expressWritable)
	at, err := f.AddCapability(CapExpress, body[:], writable[:], CapabilityHooks{})
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	binary.LittleEndian.PutUint16(f.space.toClear[int(at)+2+expressDeviceStatus:], expressErrors)
	return nil
}
