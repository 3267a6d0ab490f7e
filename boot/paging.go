package boot

import (
	"encoding/binary"

	"github.com/hullvm/hull/mem"
)

// Bits of a paging-structure entry (Intel SDM volume 3, 4.5.4).
const (
	pagePresent = 1 << 0
	pageWrite   = 1 << 1
	pageLarge   = 1 << 7

	pagingEntries = 512
	pagingSize    = 8 * pagingEntries
)

// pageTables map memory to itself, laid out for mem.BootPageTables: 512 GiB with
// pages of 1 GiB, or the first 4 GiB with pages of 2 MiB.
func pageTables(giant bool) []byte {
	base := uint64(mem.BootPageTables)
	b := make([]byte, 2*pagingSize, mem.BootPageTablesSize)
	put := func(table, entry, v uint64) {
		binary.LittleEndian.PutUint64(b[table*pagingSize+entry*8:], v|pagePresent|pageWrite)
	}
	put(0, 0, base+pagingSize)
	if giant {
		for i := range uint64(pagingEntries) {
			put(1, i, i<<30|pageLarge)
		}
		return b
	}
	const directories = 4
	b = b[:(2+directories)*pagingSize]
	for d := range uint64(directories) {
		put(1, d, base+(2+d)*pagingSize)
		for i := range uint64(pagingEntries) {
			put(2+d, i, d<<30|i<<21|pageLarge)
		}
	}
	return b
}
