package acpi

import "encoding/binary"

// rsdp is the Root System Description Pointer (section 5.2.5.3). There is no
// RSDT: whoever reads revision 2 reads the XSDT.
func rsdp(xsdt uint64) []byte {
	const (
		revision    = 2
		checksum1   = 8  // over the first 20 bytes
		firstLength = 20 // what revision 0 had
		length      = 36
		checksum2   = 32 // over all
	)
	out := append([]byte("RSD PTR "), 0)
	out = append(out, oemID...)
	out = append(out, revision)
	out = binary.LittleEndian.AppendUint32(out, 0) // RSDT
	out = binary.LittleEndian.AppendUint32(out, length)
	out = binary.LittleEndian.AppendUint64(out, xsdt)
	out = append(out, 0, 0, 0, 0)
	out[checksum1] = checksum(out[:firstLength])
	out[checksum2] = checksum(out)
	return out
}

// xsdt is the Extended System Description Table (section 5.2.8): the addresses
// of the tables that nothing else points to.
func xsdt(tables ...uint64) []byte {
	var body []byte
	for _, addr := range tables {
		body = binary.LittleEndian.AppendUint64(body, addr)
	}
	return table("XSDT", 1, body)
}
