package acpi

import (
	"fmt"

	"github.com/hullvm/hull/mem"
)

// Table is a table and where it belongs.
type Table struct {
	Name string // its signature; RSDP for the root pointer
	Addr mem.Addr
	Data []byte
}

// tableAlign is the alignment of tables in memory, in bytes. None needs more
// than 16; a cache line makes them easy to find in a dump.
const tableAlign = 64

// Build makes the tables for a machine. The RSDP comes first, at
// mem.ACPITables, the FACS last, at mem.ACPIFACS, and the others between them
// in the room mem.ACPITablesSize gives. It is an error if they need more, or if
// c contradicts itself.
func Build(c Config) ([]Table, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	next := mem.ACPITables + tableAlign // past the RSDP, which is to know the XSDT
	var tables []Table
	put := func(name string, data []byte) uint64 {
		addr := next
		tables = append(tables, Table{name, addr, data})
		next += mem.Addr(len(data)+tableAlign-1) &^ (tableAlign - 1)
		return uint64(addr)
	}
	dsdt := put("DSDT", dsdt(&c))
	fadt := put("FACP", fadt(&c, uint32(mem.ACPIFACS), dsdt))
	madt := put("APIC", madt(&c))
	list := []uint64{fadt, madt}
	if c.PCI != nil {
		list = append(list, put("MCFG", mcfg(c.PCI)))
	}
	xsdt := put("XSDT", xsdt(list...))
	if used := uint64(next - mem.ACPITables); used > mem.ACPITablesSize {
		return nil, fmt.Errorf("%d bytes of tables for %d processors and %d devices: the room is %d bytes",
			used, len(c.APICIDs), len(c.Devices), mem.ACPITablesSize)
	}
	all := append([]Table{{"RSDP", mem.ACPITables, rsdp(xsdt)}}, tables...)
	return append(all, Table{"FACS", mem.ACPIFACS, facs()}), nil
}
