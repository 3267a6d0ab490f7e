package fs

import "encoding/binary"

// Device configuration layout (section 5.11.4), all read-only.
const (
	configTag              = 0  // u8[36]
	configNumRequestQueues = 36 // le32
	configSize             = 40 // notify_buf_size follows with VIRTIO_FS_F_NOTIFICATION, which is not offered

	maxTag = configNumRequestQueues - configTag // bytes
)

// Queues (section 5.11.2).
const (
	queueHiprio   = 0 // FORGET and its kind
	queueRequests = 1 // the first of num_request_queues
)

// maxRequestQueues is the most request queues that a device may have.
const maxRequestQueues = 64

// struct fuse_in_header and fuse_out_header (section 5.11.6.1), as far as the
// device reads and writes them.
const (
	inHeaderSize = 40
	inLen        = 0 // u32: bytes of the request
	inOpcode     = 4 // u32
	inUnique     = 8 // u64: the request's name

	outHeaderSize = 16
	outLen        = 0 // u32: bytes of the reply
	outError      = 4 // s32: negative errno
	outUnique     = 8 // u64
)

// inHeader is the part of a request's header that the device looks at.
type inHeader struct {
	length uint32
	opcode uint32
	unique uint64
}

// Opcodes that begin a guest's session with a server and end it.
const (
	opInit    = 26 // FUSE_INIT
	opDestroy = 38 // FUSE_DESTROY
)

func parseInHeader(b *[inHeaderSize]byte) inHeader {
	return inHeader{
		length: binary.LittleEndian.Uint32(b[inLen:]),
		opcode: binary.LittleEndian.Uint32(b[inOpcode:]),
		unique: binary.LittleEndian.Uint64(b[inUnique:]),
	}
}

// errorReply is a reply that says only that the request failed.
func errorReply(unique uint64, errno uint32) (b [outHeaderSize]byte) {
	binary.LittleEndian.PutUint32(b[outLen:], outHeaderSize)
	binary.LittleEndian.PutUint32(b[outError:], -errno)
	binary.LittleEndian.PutUint64(b[outUnique:], unique)
	return b
}
