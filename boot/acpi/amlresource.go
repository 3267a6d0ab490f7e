package acpi

import "encoding/binary"

// Resource descriptors, section 6.4. A small one has its length in the low
// bits of its first byte, a large one behind it.
const (
	resourceIRQ         = 0x22 // small, 2 bytes, 6.4.2.1
	resourceIO          = 0x47 // small, 7 bytes, 6.4.2.5
	resourceEnd         = 0x79 // small, 1 byte, 6.4.2.9
	resourceExtendedIRQ = 0x89 // large, 6.4.3.6

	ioDecode16 = 1

	irqConsumer = 1 << 0
	irqEdge     = 1 << 1
)

// isaInterrupts is how many interrupts a short descriptor can name.
const isaInterrupts = 16

// resourceTemplate is ResourceTemplate () {...}: a buffer of descriptors with
// an end tag. The end tag's checksum is 0, which says that there is none.
func resourceTemplate(descriptors ...[]byte) []byte {
	return amlBuffer(join(join(descriptors...), []byte{resourceEnd, 0}))
}

// ioPorts is IO (Decode16, base, base, 1, size).
func ioPorts(p PortRange) []byte {
	out := []byte{resourceIO, ioDecode16}
	out = binary.LittleEndian.AppendUint16(out, p.Base)
	out = binary.LittleEndian.AppendUint16(out, p.Base)
	return append(out, 1, p.Size)
}

// interrupt is IRQNoFlags () {irq}, edge-triggered and active high by
// definition, or for what is no ISA interrupt the same as Interrupt
// (ResourceConsumer, Edge, ActiveHigh, Exclusive) {irq}.
func interrupt(irq uint8) []byte {
	if irq < isaInterrupts {
		return binary.LittleEndian.AppendUint16([]byte{resourceIRQ}, 1<<irq)
	}
	return binary.LittleEndian.AppendUint32([]byte{resourceExtendedIRQ, 6, 0, irqConsumer | irqEdge, 1}, uint32(irq))
}
