// Package pci is PCI Express as a guest sees it: a root complex with one bus of
// functions, their configuration space by ECAM and by the ports 0xcf8 and
// 0xcfc, memory BARs that move, capabilities, INTx and MSI-X.
//
// Section numbers are those of the PCI Express Base Specification 6.0 where
// nothing else is said. There is no firmware: [RootComplex.PlaceBARs] does what
// one would, and the guest turns decoding on.
//
// The guest may write any register at any time from several virtual CPUs. What
// it may not have, such as a BAR on another one's place, is refused quietly and
// counted: the BAR answers nowhere until it is moved or the place is free.
//
// # The port 0xcf9
//
// CONFIG_ADDRESS at 0xcf8 is four ports wide and exists for accesses of four
// bytes alone: the byte at 0xcf9 is the chipset's reset register. The bus takes
// no overlapping regions, so [RootComplex.PortRegions] is handed the regions of
// the other devices that may lie there, and returns all that is to be put on
// the bus:
//
//	ports.Add(root.PortRegions(pm.Regions()...)...)
//
// # State
//
// [RootComplex] keeps its functions' state: the guest's bits of configuration
// space, which say where BARs are, the tables of MSI-X, and what waits to be
// delivered. What a function is has to be the same where that is loaded. What is
// behind a function has a state of its own.
//
// # Locks
//
// Function.mapping comes before Function.mu, and MSIX.mu before Function.mu.
// Moved and the hooks of capabilities are called without mu; Moved is called
// with mapping held, which only writes to the Command register and to BARs
// take. Lookups by address, and raising a vector, take no lock.
package pci
