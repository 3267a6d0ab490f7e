package vsock

import "encoding/binary"

// HostCID is the address of the host (section 5.10.4).
const HostCID = 2

// firstCID is the first address that a guest can have (section 5.10.4).
const firstCID = 3

// The queues (section 5.10.2).
const (
	queueRX = iota
	queueTX
	queueEvent
	queues
)

// FeatureStream is VIRTIO_VSOCK_F_STREAM (section 5.10.3).
const FeatureStream = 1 << 0

// configSize is struct virtio_vsock_config: le64 guest_cid (section 5.10.4).
const configSize = 8

// headerSize is struct virtio_vsock_hdr, in bytes (section 5.10.6).
const headerSize = 44

// header is struct virtio_vsock_hdr (section 5.10.6).
type header struct {
	srcCID   uint64
	dstCID   uint64
	srcPort  uint32
	dstPort  uint32
	len      uint32 // bytes of data behind the header
	typ      uint16
	op       uint16
	flags    uint32
	bufAlloc uint32 // bytes of room that the sender has for the connection
	fwdCnt   uint32 // bytes that the sender has taken out of it so far, modulo 2^32
}

// Types of sockets (section 5.10.6).
const typeStream = 1

// Operations (section 5.10.6).
const (
	opInvalid       = 0
	opRequest       = 1
	opResponse      = 2
	opRst           = 3
	opShutdown      = 4
	opRW            = 5
	opCreditUpdate  = 6
	opCreditRequest = 7
)

// Flags of SHUTDOWN: what its sender will not do any more (section 5.10.6.6).
const (
	shutReceive = 1 << 0
	shutSend    = 1 << 1
	shutBoth    = shutReceive | shutSend
)

// Events (section 5.10.6.7): struct virtio_vsock_event is an le32.
const (
	eventSize           = 4
	eventTransportReset = 0
)

func parseHeader(b *[headerSize]byte) header {
	le := binary.LittleEndian
	return header{
		srcCID:   le.Uint64(b[0:]),
		dstCID:   le.Uint64(b[8:]),
		srcPort:  le.Uint32(b[16:]),
		dstPort:  le.Uint32(b[20:]),
		len:      le.Uint32(b[24:]),
		typ:      le.Uint16(b[28:]),
		op:       le.Uint16(b[30:]),
		flags:    le.Uint32(b[32:]),
		bufAlloc: le.Uint32(b[36:]),
		fwdCnt:   le.Uint32(b[40:]),
	}
}

func (h *header) encode() (b [headerSize]byte) {
	le := binary.LittleEndian
	le.PutUint64(b[0:], h.srcCID)
	le.PutUint64(b[8:], h.dstCID)
	le.PutUint32(b[16:], h.srcPort)
	le.PutUint32(b[20:], h.dstPort)
	le.PutUint32(b[24:], h.len)
	le.PutUint16(b[28:], h.typ)
	le.PutUint16(b[30:], h.op)
	le.PutUint32(b[32:], h.flags)
	le.PutUint32(b[36:], h.bufAlloc)
	le.PutUint32(b[40:], h.fwdCnt)
	return b
}

// reset is the RST that answers h.
func (h *header) reset() header {
	return header{srcCID: h.dstCID, dstCID: h.srcCID, srcPort: h.dstPort, dstPort: h.srcPort, typ: h.typ, op: opRst}
}
