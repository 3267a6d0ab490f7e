package wire

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// HeaderSize is what stands before a frame's payload, in bytes.
const HeaderSize = 24

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum is CRC-32C.
func checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

var le = binary.LittleEndian

// header is a frame's.
type header struct {
	kind   Type
	length uint32 // of the payload, bytes
	number uint64
	sum    uint32 // of the payload
}

// put writes h to b.
func (h header) put(b *[HeaderSize]byte) {
	le.PutUint16(b[0:], uint16(h.kind))
	le.PutUint16(b[2:], 0)
	le.PutUint32(b[4:], h.length)
	le.PutUint64(b[8:], h.number)
	le.PutUint32(b[16:], h.sum)
	le.PutUint32(b[20:], checksum(b[:20]))
}

// parseHeader judges all that a header says by itself: the frame has to be the one with
// this number, and the length within its type's limits. Until its checksum
// was right nothing of it is told.
func parseHeader(b *[HeaderSize]byte, number uint64) (header, error) {
	h := header{
		kind:   Type(le.Uint16(b[0:])),
		length: le.Uint32(b[4:]),
		number: le.Uint64(b[8:]),
		sum:    le.Uint32(b[16:]),
	}
	wrong := func(t Type, err error) (header, error) {
		return header{}, &FrameError{Number: number, Type: t, Err: err}
	}
	if le.Uint32(b[20:]) != checksum(b[:20]) {
		return wrong(0, fmt.Errorf("header: %w", ErrChecksum))
	}
	if h.number != number {
		return wrong(h.kind, fmt.Errorf("%w: %d, want %d", ErrNumber, h.number, number))
	}
	if le.Uint16(b[2:]) != 0 {
		return wrong(h.kind, ErrReserved)
	}
	least, most := 0, maxOptional
	if k := h.kind.kind(); k != nil {
		least, most = k.least, k.most
	} else if h.kind&optional == 0 {
		return wrong(h.kind, ErrUnknownType)
	}
	if err := checkLength(uint64(h.length), least, most); err != nil {
		return wrong(h.kind, err)
	}
	return h, nil
}

func checkLength(n uint64, least, most int) error {
	if n < uint64(least) || n > uint64(most) {
		return fmt.Errorf("%w: %d bytes, want %d to %d", ErrLength, n, least, most)
	}
	return nil
}
