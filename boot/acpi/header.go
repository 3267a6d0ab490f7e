package acpi

import "encoding/binary"

// Who made the tables, section 5.2.6.
const (
	oemID           = "HULL  "
	oemTableID      = "HULLVM  "
	oemRevision     = 1
	creatorID       = "HULL"
	creatorRevision = 1

	headerSize     = 36
	headerLength   = 4 // offset of the table's length
	headerChecksum = 9 // offset of the checksum
)

// table puts the common header before body.
func table(signature string, revision uint8, body []byte) []byte {
	le := binary.LittleEndian
	out := make([]byte, 0, headerSize+len(body))
	out = append(out, signature...)
	out = le.AppendUint32(out, uint32(headerSize+len(body)))
	out = append(out, revision, 0)
	out = append(out, oemID...)
	out = append(out, oemTableID...)
	out = le.AppendUint32(out, oemRevision)
	out = append(out, creatorID...)
	out = le.AppendUint32(out, creatorRevision)
	out = append(out, body...)
	out[headerChecksum] = checksum(out)
	return out
}

// checksum is the byte that makes the sum of b 0 modulo 256, if it is 0 in b.
func checksum(b []byte) byte {
	var sum byte
	for _, v := range b {
		sum += v
	}
	return -sum
}
