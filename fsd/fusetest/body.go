package fusetest

import "encoding/binary"

// Body puts numbers (uint32, uint64), names (string, ended by a NUL) and bytes
// together.
func Body(parts ...any) []byte {
	var b []byte
	for _, p := range parts {
		switch p := p.(type) {
		case uint32:
			b = binary.LittleEndian.AppendUint32(b, p)
		case uint64:
			b = binary.LittleEndian.AppendUint64(b, p)
		case string:
			b = append(append(b, p...), 0)
		case []byte:
			b = append(b, p...)
		default:
			panic("fusetest: a body is of uint32, uint64, string and []byte")
		}
	}
	return b
}

// numbers reads numbers off a reply; one that is too short is a panic, which
// Client's methods turn into an error by asking for its length first.
type numbers []byte

func (n *numbers) u32() uint32 {
	v := binary.LittleEndian.Uint32(*n)
	*n = (*n)[4:]
	return v
}

func (n *numbers) u64() uint64 {
	v := binary.LittleEndian.Uint64(*n)
	*n = (*n)[8:]
	return v
}
