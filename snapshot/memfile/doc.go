// Package memfile is a snapshot's memory file and the small files beside it. It is
// used by the monitor's jailed process, so it opens nothing: every file is handed
// to it.
//
// A memory file is the guest's RAM, slot after slot in order of address, so that it
// can be mapped. Pages that are all zero are holes, and nothing that the guest has
// never touched is read to find that out. The file of an incremental snapshot has
// the same size and offsets, and holes where a page is its parent's.
//
// The files beside it are a header and entries, integers little-endian:
//
//	header   magic, u16 format (1), u16 0, u32 unit, u64 size of the memory file,
//	         u64 entries, u32 CRC
//	sums     "HULLSUMS", unit 1 MiB: u32 CRC of each unit of the memory file
//	map      "HULLPAGE", unit 4 KiB: u64 of 64 pages each, bit 0 the first, set
//	         for a page that the file has, also where that is a hole
//	working  "HULLWORK", unit 4 KiB: u64 first page, u64 pages, in the order in
//	set      which they are to be read
//
// A CRC is CRC-32C (Castagnoli): the header's of the 32 bytes before it and all
// that follows it. Lengths are held against what is there before memory is taken
// for them, and against the size that the reader expects.
package memfile
