package mem

// The guest-physical address space of a Hull machine on x86-64. Every fixed
// address in the project is one of these constants, in ascending order, each
// with the room it has.
//
//	0x0000_0000  real-mode vectors and BIOS data     4 KiB   left zero
//	0x0000_1000  boot GDT                            4 KiB
//	0x0000_6000  PVH start info, memory map, modules 4 KiB
//	0x0000_7000  Linux zero page                     4 KiB
//	0x0000_8000  boot stack                          4 KiB
//	0x0000_9000  boot page tables                   24 KiB
//	0x0002_0000  command line                       64 KiB
//	0x0009_fc00  where an EBDA would be              1 KiB   reserved
//	0x000a_0000  legacy video and option ROMs      256 KiB   no claim
//	0x000e_0000  ACPI tables, the RSDP first       120 KiB
//	0x000f_e000  generation id                       4 KiB   reserved
//	0x000f_f000  ACPI FACS                           4 KiB
//	0x0010_0000  kernel, initrd, the guest's own
//	0xc000_0000  32-bit PCI window                 512 MiB   hole
//	0xe000_0000  PCI ECAM                          256 MiB   hole
//	0xfec0_0000  IOAPIC                              4 KiB   hole
//	0xfee0_0000  local APICs                         1 MiB   hole
//	0xfffb_c000  KVM identity-map page               4 KiB   hole
//	0xfffb_d000  KVM task state segment             12 KiB   hole
//	0x1_0000_0000  the rest of RAM
//
// What lies below 1 MiB and is not reserved is ordinary RAM to the guest: the
// kernel copies what it needs before it uses that memory for anything else.
const (
	// BootGDT holds the descriptor table the first instruction runs under.
	BootGDT Addr = 0x1000
	// BootGDTSize is the room for it, in bytes: 512 descriptors, of which five
	// are used.
	BootGDTSize = 0x1000

	// PVHStartInfo holds hvm_start_info, its memory map and its module list.
	PVHStartInfo Addr = 0x6000
	// PVHStartInfoSize is the room for all three, in bytes: 56 for the start
	// info, 32 a module, 24 a map entry.
	PVHStartInfoSize = 0x1000

	// ZeroPage holds Linux's struct boot_params.
	ZeroPage Addr = 0x7000
	// ZeroPageSize is its size, in bytes, fixed by the boot protocol.
	ZeroPageSize = 0x1000

	// BootStack is the lowest byte of the stack at the first instruction. Linux
	// sets its own before it pushes anything; other kernels may not.
	BootStack Addr = 0x8000
	// BootStackSize is its size in bytes.
	BootStackSize = 0x1000

	// BootPageTables holds the identity map: one PML4, one page-directory
	// pointer table, four page directories.
	BootPageTables Addr = 0x9000
	// BootPageTablesSize is the room for them, in bytes.
	BootPageTablesSize = 6 * 0x1000

	// CommandLine holds the kernel's command line, NUL-terminated.
	CommandLine Addr = 0x2_0000
	// CommandLineSize is the room for it, in bytes with the NUL. Linux itself
	// takes 2048.
	CommandLineSize = 0x1_0000

	// EBDA is where a PC BIOS keeps its extended data area. Nothing is there;
	// it stays reserved since kernels take it for granted.
	EBDA Addr = 0x9_fc00
	// EBDASize runs up to 640 KiB.
	EBDASize = 0x400

	// LegacyHole is video memory and option ROMs on a PC. It is backed by RAM
	// and not offered to the guest.
	LegacyHole Addr = 0xa_0000
	// LegacyHoleSize runs up to the ACPI tables.
	LegacyHoleSize = 0x4_0000

	// ACPITables holds the RSDP, at the first byte, and the tables behind it.
	// The RSDP is on a 16-byte boundary of the BIOS area, so kernels that are
	// not told its address find it by searching (ACPI 6.5, 5.2.5.1).
	ACPITables Addr = 0xe_0000
	// ACPITablesSize is their room, in bytes. 4096 vCPUs need 64 KiB of it.
	ACPITablesSize = 0x1_e000

	// GenerationID holds the 16 bytes that change when the machine is another one
	// than before. The page is theirs alone, and reserved: a guest must neither
	// reclaim it with the tables nor save it with its own memory.
	GenerationID Addr = 0xf_e000
	// GenerationIDSize is its room, in bytes.
	GenerationIDSize = 0x1000

	// ACPIFACS holds the FACS, which the guest writes and must keep, so it lies
	// apart from the tables the guest may reclaim.
	ACPIFACS Addr = 0xf_f000
	// ACPIFACSSize is its room, in bytes.
	ACPIFACSSize = 0x1000

	// HighMemory is the first byte above what a real-mode PC could reach.
	// Kernels go here or above.
	HighMemory Addr = 0x10_0000

	// LowRAMEnd ends the lower part of RAM; the hole for devices starts here.
	LowRAMEnd Addr = 0xc000_0000

	// PCIWindow32 is where 32-bit PCI BARs are placed.
	PCIWindow32 Addr = 0xc000_0000
	// PCIWindow32Size is its size in bytes.
	PCIWindow32Size = 0x2000_0000

	// PCIECAM is PCI Express configuration space, 1 MiB a bus.
	PCIECAM Addr = 0xe000_0000
	// PCIECAMSize covers 256 buses.
	PCIECAMSize = 0x1000_0000

	// IOAPIC is the one I/O APIC.
	IOAPIC Addr = 0xfec0_0000
	// IOAPICSize is what it decodes, in bytes.
	IOAPICSize = 0x1000

	// LocalAPIC is where every vCPU sees its own local APIC after reset.
	LocalAPIC Addr = 0xfee0_0000
	// LocalAPICSize covers the registers and the addresses MSIs are written to.
	LocalAPICSize = 0x10_0000

	// KVMIdentityMap is the page KVM on Intel hosts takes for itself
	// (KVM_SET_IDENTITY_MAP_ADDR).
	KVMIdentityMap Addr = 0xfffb_c000
	// KVMIdentityMapSize is its size in bytes.
	KVMIdentityMapSize = 0x1000

	// KVMTSS is the three pages KVM on Intel hosts takes for its task state
	// segment (KVM_SET_TSS_ADDR).
	KVMTSS Addr = 0xfffb_d000
	// KVMTSSSize is their size in bytes.
	KVMTSSSize = 0x3000

	// HighRAM is where RAM goes on that does not fit below the hole.
	HighRAM Addr = 0x1_0000_0000
)

// MaxSize is the most RAM a guest may have, in bytes: 16 TiB, an eighth of
// what a process on x86-64 with four-level page tables can map.
const MaxSize = 16 << 40

// layout says where size bytes of RAM lie: from 0 to the hole, and the rest
// from 4 GiB.
func layout(size uint64) []extent {
	if size <= uint64(LowRAMEnd) {
		return []extent{{base: 0, size: size}}
	}
	return []extent{
		{base: 0, size: uint64(LowRAMEnd)},
		{base: uint64(HighRAM), size: size - uint64(LowRAMEnd)},
	}
}
