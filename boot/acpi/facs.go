package acpi

import "encoding/binary"

// facs is the Firmware ACPI Control Structure (section 5.2.10). It has no
// checksum: the guest keeps the global lock in it.
func facs() []byte {
	const (
		length  = 64
		version = 2
	)
	out := make([]byte, length)
	copy(out, "FACS")
	binary.LittleEndian.PutUint32(out[4:], length)
	out[32] = version
	return out
}
