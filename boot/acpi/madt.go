package acpi

import (
	"encoding/binary"
	"math"
)

// Interrupt controller structures, section 5.2.12.
const (
	madtLocalAPIC     = 0  // 8 bytes, 5.2.12.2
	madtIOAPIC        = 1  // 12 bytes, 5.2.12.3
	madtOverride      = 2  // 10 bytes, 5.2.12.5
	madtLocalNMI      = 4  // 6 bytes, 5.2.12.7
	madtLocalX2APIC   = 9  // 16 bytes, 5.2.12.12
	madtLocalX2NMI    = 10 // 12 bytes, 5.2.12.13
	madtEnabled       = 1 << 0
	madtDual8259      = 1 << 0 // in the table's own flags
	madtAllProcessors = 0xff
	madtRevision      = 5
)

// Flags of interrupt inputs, section 5.2.12.5. 0 is what the bus has: for ISA
// edge-triggered and active high.
const (
	inputActiveHigh = 1 << 0
	inputLevel      = 3 << 2
)

// Sources of ISA interrupts.
const (
	isaTimer     = 0
	timerInput   = 2 // where PCs have always wired the timer on the I/O APIC
	localNMIPin  = 1 // LINT1
	x2APICFromID = 255
)

// madt is the Multiple APIC Description Table: the processors, the I/O APIC and
// how interrupts reach it.
func madt(c *Config) []byte {
	le := binary.LittleEndian
	b := le.AppendUint32(nil, c.LocalAPICAddr)
	b = le.AppendUint32(b, madtDual8259)

	big := false
	for uid, id := range c.APICIDs {
		if id < x2APICFromID && uid < madtAllProcessors {
			b = append(b, madtLocalAPIC, 8, byte(uid), byte(id))
			b = le.AppendUint32(b, madtEnabled)
			continue
		}
		big = true
		b = append(b, madtLocalX2APIC, 16, 0, 0)
		b = le.AppendUint32(b, id)
		b = le.AppendUint32(b, madtEnabled)
		b = le.AppendUint32(b, uint32(uid))
	}

	b = append(b, madtIOAPIC, 12, c.IOAPICID, 0)
	b = le.AppendUint32(b, c.IOAPICAddr)
	b = le.AppendUint32(b, 0) // its first interrupt

	b = appendOverride(b, isaTimer, timerInput, 0)
	b = appendOverride(b, c.Power.SCI, uint32(c.Power.SCI), inputActiveHigh|inputLevel)

	b = append(b, madtLocalNMI, 6, madtAllProcessors, 0, 0, localNMIPin)
	if big {
		b = append(b, madtLocalX2NMI, 12, 0, 0)
		b = le.AppendUint32(b, math.MaxUint32) // all processors
		b = append(b, localNMIPin, 0, 0, 0)
	}
	return table("APIC", madtRevision, b)
}

// appendOverride says which interrupt an ISA interrupt arrives as.
func appendOverride(b []byte, source uint8, gsi uint32, flags uint16) []byte {
	const busISA = 0
	b = append(b, madtOverride, 10, busISA, source)
	b = binary.LittleEndian.AppendUint32(b, gsi)
	return binary.LittleEndian.AppendUint16(b, flags)
}
