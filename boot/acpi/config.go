package acpi

// Config describes the machine the tables are for.
type Config struct {
	// APICIDs are the local APIC ids of the processors, the boot processor's
	// first. Processor uids count from 0 in this order.
	APICIDs []uint32

	// IOAPICID and IOAPICAddr are those of the one I/O APIC. Its inputs are
	// global system interrupts 0 to 23.
	IOAPICID   uint8
	IOAPICAddr uint32

	// LocalAPICAddr is where the processors see their local APICs.
	LocalAPICAddr uint32

	Power Power

	// Devices go into the DSDT under \_SB, in this order.
	Devices []Device

	// PCI is the host bridge; nil for none.
	PCI *PCI

	// Generation is where the machine's generation id is; nil for none.
	Generation *Generation

	// KeyboardController says there is an i8042 the guest should look for.
	KeyboardController bool

	// Clock says there is an MC146818 clock with its century at CMOS 0x32.
	Clock bool
}

// Power is where the fixed power-management registers are, in port space.
type Power struct {
	PM1Event   uint16 // PM1a event block, 4 bytes: status, enable
	PM1Control uint16 // PM1a control block, 2 bytes
	Timer      uint16 // power-management timer, 4 bytes
	Timer32    bool   // the timer counts 32 bits, not 24
	GPE0       uint16 // general-purpose event block, status half first
	GPE0Size   uint8  // its size in bytes, both halves; 0 for none

	Reset      uint16 // reset register, one byte
	ResetValue uint8  // what to write to it

	SCI uint8 // the ISA interrupt of power events, level-triggered, active high

	// SleepTypeS5 is the SLP_TYP value that powers the machine off.
	SleepTypeS5 uint8
}

// DefaultPower is where Hull's own machine has its power-management registers.
var DefaultPower = Power{
	PM1Event:    0x600,
	PM1Control:  0x604,
	Timer:       0x608,
	GPE0:        0x620,
	GPE0Size:    8,
	Reset:       0xcf9,
	ResetValue:  0x06,
	SCI:         9,
	SleepTypeS5: 5,
}

// Device is a device without a bus to be found on.
type Device struct {
	Name string // a name segment: 1 to 4 of A-Z, 0-9 and _, no digit first
	HID  string // hardware id: an EISA id such as PNP0501, or an ACPI id such as QEMU0001
	UID  uint32 // tells devices of one HID apart
	// Status is what _STA returns; 0 leaves _STA out, which means present and
	// working.
	Status uint32
	Ports  []PortRange
	// IRQs are interrupts, edge-triggered and active high: 0 to 15 the ISA
	// ones, 16 to 23 the I/O APIC's other inputs.
	IRQs []uint8
}

// PortRange is a range of I/O ports.
type PortRange struct {
	Base uint16
	Size uint8
}
