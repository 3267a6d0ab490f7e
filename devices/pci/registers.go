package pci

// Sizes of configuration space, section 7.2.2, in bytes.
const (
	legacySize   = 0x100  // what the first PCI had, and all that is used here
	functionSize = 0x1000 // with the extended space, which has no capabilities
)

// Numbers of devices on a bus and of functions in a device, and the bytes of
// ECAM that a bus takes (section 7.2.2).
const (
	slots     = 32
	functions = 8
	busSize   = slots * functions * functionSize
)

// Registers of a type 0 header, section 7.5.1.
const (
	regVendorID          = 0x00 // R, 16 bits
	regDeviceID          = 0x02 // R, 16 bits
	regCommand           = 0x04 // RW, 16 bits
	regStatus            = 0x06 // R and RW1C, 16 bits
	regRevisionID        = 0x08 // R, 8 bits
	regClassCode         = 0x09 // R, 24 bits: interface, subclass, class
	regCacheLineSize     = 0x0c // RW, 8 bits: means nothing in PCI Express
	regLatencyTimer      = 0x0d // R, 8 bits: 0 in PCI Express
	regHeaderType        = 0x0e // R, 8 bits
	regBIST              = 0x0f // R, 8 bits: there is none
	regBAR0              = 0x10 // RW, six of 32 bits
	regSubsystemVendorID = 0x2c // R, 16 bits
	regSubsystemID       = 0x2e // R, 16 bits
	regExpansionROM      = 0x30 // R, 32 bits: there is none
	regCapabilities      = 0x34 // R, 8 bits: offset of the first capability
	regInterruptLine     = 0x3c // RW, 8 bits: the guest's own
	regInterruptPin      = 0x3d // R, 8 bits: 0 for none, 1 for INTA

	firstCapability = 0x40
	barCount        = 6
)

// Command, section 7.5.1.1.3. There are no I/O BARs, so bit 0 is always 0.
const (
	cmdMemory           = 1 << 1
	cmdBusMaster        = 1 << 2
	cmdParity           = 1 << 6
	cmdSERR             = 1 << 8
	cmdInterruptDisable = 1 << 10

	cmdWritable = cmdMemory | cmdBusMaster | cmdParity | cmdSERR | cmdInterruptDisable
)

// Status, section 7.5.1.1.4. Nothing here ever sets the error bits.
const (
	statusInterrupt    = 1 << 3
	statusCapabilities = 1 << 4
	statusErrors       = 0xf900 // RW1C
)

const headerMultiFunction = 1 << 7 // Header Type, section 7.5.1.1.9

// BARs, section 7.5.1.2.1.
const (
	barWide         = 2 << 1 // Type: 64 bits
	barPrefetchable = 1 << 3
	barMinSize      = 16
	barMaxSize32    = 1 << 31
	barMaxSize64    = 1 << 51 // half of what the memory bus has
)

// Capability IDs, of the PCI Code and ID Assignment Specification.
const (
	CapVendor  = 0x09 // vendor-specific
	CapExpress = 0x10 // PCI Express
	CapMSIX    = 0x11 // MSI-X
)

// CONFIG_ADDRESS and CONFIG_DATA, PCI Local Bus Specification 3.0, section
// 3.2.2.3.2.
const (
	portAddress  = 0xcf8
	portData     = 0xcfc
	portSize     = 4
	addrEnable   = 1 << 31
	addrWritable = addrEnable | 0xfffffc
)

// MSI-X capability, section 7.7.2, by offsets in its body, which begins after
// the ID and the pointer to the next.
const (
	msixControl = 0 // 16 bits
	msixTable   = 2 // R, 32 bits: offset and BAR
	msixPBA     = 6 // R, 32 bits: offset and BAR
	msixBody    = 10

	msixFunctionMask = 1 << 14 // in Message Control
	msixEnable       = 1 << 15

	msixMaxVectors = 2048
	msixEntrySize  = 16 // of the table, section 7.7.2.5

	entryAddr    = 0  // 64 bits: Message Address and Message Upper Address
	entryData    = 8  // Message Data
	entryControl = 12 // Vector Control
	entryMasked  = 1 << 0
)
