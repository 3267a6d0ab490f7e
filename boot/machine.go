package boot

import (
	"io"

	"github.com/hullvm/hull/boot/acpi"
	"github.com/hullvm/hull/mem"
)

// Protocol is how a kernel is started.
type Protocol string

// The protocols a [Machine] can ask for.
const (
	// Auto takes bzImage for a bzImage and, for an ELF file, the Linux 64-bit
	// entry unless the file is no Linux kernel and has a PVH entry.
	Auto Protocol = "auto"
	// BZImage is the Linux x86 boot protocol at a bzImage's 64-bit entry.
	BZImage Protocol = "bzimage"
	// ELF is the same entry of a decompressed kernel (vmlinux).
	ELF Protocol = "elf"
	// PVH is the Xen PVH entry of an ELF kernel: 32-bit, no paging.
	PVH Protocol = "pvh"
)

// File is a file that is loaded into the guest.
type File struct {
	Name string // for error messages
	Data io.ReaderAt
	Size int64 // bytes
}

// Machine is what boot needs to know of a machine.
type Machine struct {
	// Memory is the guest's RAM. Load writes it; the rest of Machine is only
	// read.
	Memory *mem.Guest

	// APICIDs are the local APIC ids of the vCPUs, the boot vCPU's first. At
	// least one.
	APICIDs []uint32

	// IOAPICID is the id of the I/O APIC. KVM's is 0.
	IOAPICID uint8

	Kernel   File
	Protocol Protocol // empty is Auto
	Initrd   *File    // nil for none

	// CommandLine is the kernel's, without a NUL.
	CommandLine string

	// Devices are the platform's devices that the guest cannot find by itself.
	Devices []Device

	// PCI is the host bridge, nil for a machine without one.
	PCI *acpi.PCI

	// Generation is where the machine's generation id is, nil for a machine without
	// one. Load does not write it.
	Generation *acpi.Generation

	// Power says where the ACPI power-management registers are. The zero value
	// stands for acpi.DefaultPower.
	Power acpi.Power

	// GiantPages says that the vCPUs have 1 GiB pages (CPUID 0x8000_0001 EDX bit
	// 26). The identity map then covers 512 GiB, otherwise the first 4 GiB.
	GiantPages bool
}

// Kind is what a platform device is.
type Kind string

// The kinds of platform device there are.
const (
	// Serial is a 16550A.
	Serial Kind = "serial"
	// RTC is an MC146818 clock with CMOS memory.
	RTC Kind = "rtc"
	// PVPanic is the port a guest writes to when its kernel panics.
	PVPanic Kind = "pvpanic"
	// I8042 is a keyboard controller. One that can only reset the machine is
	// best left out: the guest would look for a keyboard.
	I8042 Kind = "i8042"
)

// Device is a platform device in I/O port space.
type Device struct {
	Name string // of four characters or less, as ACPI names have: "COM1"
	Kind Kind
	Addr uint16 // first port
	Size uint16 // number of ports
	// Interrupt is the ISA interrupt it raises, 0 for none.
	Interrupt uint8
}

// Range is a named piece of guest memory.
type Range struct {
	Name string
	Addr mem.Addr
	Size uint64 // bytes
}

// Start is the state the boot vCPU starts in, and an account of what is where.
// Registers not named in it are zero.
type Start struct {
	// Protocol is the one chosen, never Auto.
	Protocol Protocol

	RIP, RSP, RSI, RBX, RFLAGS uint64

	CR0, CR3, CR4, EFER uint64

	CS, DS, ES, FS, GS, SS, TR, LDT Segment

	GDT, IDT Table

	// Placed lists what was written where, in order of address.
	Placed []Range
}

// Segment is a segment register with the hidden part, each field as wide as the
// processor's (Intel SDM volume 3, 3.4.5).
type Segment struct {
	Selector uint16
	Base     uint64
	Limit    uint32 // in bytes, whatever G says
	Type     uint8  // 4 bits
	S        uint8  // 1: code or data, 0: system
	DPL      uint8
	Present  uint8
	AVL      uint8
	L        uint8 // 64-bit code
	DB       uint8 // 32-bit operands
	G        uint8 // the descriptor's limit counts pages
}

// Table is a descriptor-table register.
type Table struct {
	Base  uint64
	Limit uint16
}
