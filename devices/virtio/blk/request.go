package blk

import (
	"encoding/binary"
	"fmt"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/devices/virtio/virtq"
	"github.com/hullvm/hull/mem"
)

// sectorSize is the unit of capacity and of addresses, in bytes.
const sectorSize = 512

// kind is a request's type (section 5.2.6).
type kind uint32

const (
	kindIn          kind = 0  // VIRTIO_BLK_T_IN
	kindOut         kind = 1  // VIRTIO_BLK_T_OUT
	kindFlush       kind = 4  // VIRTIO_BLK_T_FLUSH
	kindGetID       kind = 8  // VIRTIO_BLK_T_GET_ID
	kindDiscard     kind = 11 // VIRTIO_BLK_T_DISCARD
	kindWriteZeroes kind = 13 // VIRTIO_BLK_T_WRITE_ZEROES
)

func (k kind) String() string {
	switch k {
	case kindIn:
		return "read"
	case kindOut:
		return "write"
	case kindFlush:
		return "flush"
	case kindGetID:
		return "get id"
	case kindDiscard:
		return "discard"
	case kindWriteZeroes:
		return "write zeroes"
	}
	return fmt.Sprintf("type %d", uint32(k))
}

// A request's status (section 5.2.6).
const (
	statusOK     byte = 0 // VIRTIO_BLK_S_OK
	statusIOErr  byte = 1 // VIRTIO_BLK_S_IOERR
	statusUnsupp byte = 2 // VIRTIO_BLK_S_UNSUPP
)

// struct virtio_blk_req's header: le32 type, le32 reserved, le64 sector.
const headerSize = 16

// struct virtio_blk_discard_write_zeroes: le64 sector, le32 num_sectors, le32
// flags.
const (
	segmentSize  = 16
	segmentUnmap = 1 << 0 // of flags: unmap; the others are reserved
)

// segment is a part of a discard or write-zeroes request, in bytes.
type segment struct {
	off, n int64
	unmap  bool
}

// request is one of the driver's, from the ring to its answer.
type request struct {
	*queue
	chain virtq.Chain

	// From place.
	status mem.Addr // where its status goes
	room   uint64   // bytes that may be written in front of the status

	// From check, as the driver wrote it.
	kind   kind
	sector uint64

	length   uint64      // bytes of data
	data     []mem.Range // where they are
	segments []segment
	cost     uint64 // bytes, against the limit

	filled uint64 // bytes written to the start of what may be written

	// done is what a try came to. The functions are bound once, so that a
	// request allocates nothing.
	done                               bool
	start                              func()
	readv, writev, tryReadv, tryWritev func([]unix.Iovec) (int, error)
}

// requests keeps those that are not in use.
var requests sync.Pool

func newRequest(q *queue) *request {
	r, _ := requests.Get().(*request)
	if r == nil {
		r = new(request)
		r.bind()
	}
	r.queue = q
	return r
}

func (r *request) bind() {
	r.start = r.run
	// After an error as well, some of the data may have been written.
	r.readv = func(iov []unix.Iovec) (int, error) {
		return int(r.length), r.device.backend.Readv(iov, r.offset())
	}
	r.writev = func(iov []unix.Iovec) (int, error) {
		return int(r.length), r.device.backend.Writev(iov, r.offset())
	}
	r.tryReadv = func(iov []unix.Iovec) (n int, err error) {
		r.done, err = r.device.immediate.TryReadv(iov, r.offset())
		return int(r.length), err
	}
	r.tryWritev = func(iov []unix.Iovec) (n int, err error) {
		r.done, err = r.device.immediate.TryWritev(iov, r.offset())
		return int(r.length), err
	}
}

// release gives the request up for another to use.
func (r *request) release() {
	r.queue = nil
	r.kind, r.sector = 0, 0
	r.length, r.cost, r.filled = 0, 0, 0
	r.data, r.segments = r.data[:0], r.segments[:0]
	requests.Put(r)
}

// offset is where a transfer begins, in bytes. The sector was checked.
func (r *request) offset() int64 { return int64(r.sector * sectorSize) }

// place finds where the status goes: the last byte that may be written. It
// reports false where there is none.
func (r *request) place() bool {
	n := r.chain.WritableLen()
	if n == 0 {
		return false
	}
	r.room = n - 1
	last := r.chain.Writable[len(r.chain.Writable)-1]
	r.status = last.Addr + mem.Addr(last.Len-1)
	return true
}

// check reads what the driver asks for, once, and refuses with a status what is
// against the rules.
func (r *request) check() (status byte, ok bool) {
	var header [headerSize]byte
	n, err := virtq.CopyFrom(r.Memory, header[:], r.chain.Readable, 0)
	if err != nil || n < headerSize {
		return r.refuse()
	}
	r.kind = kind(binary.LittleEndian.Uint32(header[0:]))
	r.sector = binary.LittleEndian.Uint64(header[8:])
	readable := r.chain.ReadableLen() - headerSize
	switch r.kind {
	case kindIn:
		return r.checkTransfer(r.chain.Writable, 0, r.room, readable)
	case kindOut:
		if r.device.readOnly {
			return r.refuse()
		}
		return r.checkTransfer(r.chain.Readable, headerSize, readable, r.room)
	case kindFlush, kindGetID:
		return statusOK, true
	case kindDiscard:
		return r.checkSegments(FeatureDiscard, readable, maxDiscardSeg, maxDiscardSectors)
	case kindWriteZeroes:
		return r.checkSegments(FeatureWriteZeroes, readable, maxWriteZeroesSeg, maxWriteZeroesSectors)
	}
	return r.unsupported()
}

// checkTransfer takes length bytes of data in ranges, after skip. other is how
// many bytes there are in the direction that the request does not go.
func (r *request) checkTransfer(ranges []mem.Range, skip, length, other uint64) (status byte, ok bool) {
	if other != 0 || length%sectorSize != 0 || length > r.device.maxData() || !r.inside(r.sector, length/sectorSize) {
		return r.refuse()
	}
	r.length, r.cost = length, length
	r.data = virtq.Slice(r.data, ranges, skip, length)
	return statusOK, true
}

// checkSegments takes the segments of a discard or write-zeroes request, all or
// none.
func (r *request) checkSegments(feature, length uint64, maxSegments int, maxSectors uint32) (status byte, ok bool) {
	var data [maxDiscardSeg * segmentSize]byte
	switch {
	case !r.Has(feature):
		return r.unsupported()
	case r.device.readOnly, length == 0, length%segmentSize != 0, length > uint64(maxSegments*segmentSize):
		return r.refuse()
	}
	if _, err := virtq.CopyFrom(r.Memory, data[:length], r.chain.Readable, headerSize); err != nil {
		return r.refuse()
	}
	for p := data[:length]; len(p) > 0; p = p[segmentSize:] {
		sector := binary.LittleEndian.Uint64(p[0:])
		sectors := binary.LittleEndian.Uint32(p[8:])
		flags := binary.LittleEndian.Uint32(p[12:])
		unmap := flags == segmentUnmap
		if flags != 0 && (!unmap || r.kind == kindDiscard) {
			return r.unsupported() // section 5.2.6.2
		}
		if sectors > maxSectors || !r.inside(sector, uint64(sectors)) {
			return r.refuse()
		}
		r.segments = append(r.segments, segment{int64(sector * sectorSize), int64(sectors) * sectorSize, unmap})
		r.length += uint64(sectors) * sectorSize
	}
	if r.kind == kindWriteZeroes {
		r.cost = r.length
	}
	return statusOK, true
}

// inside reports whether n sectors from sector on are on the disk.
func (r *request) inside(sector, n uint64) bool {
	capacity := r.device.capacity.Load()
	return sector <= capacity && n <= capacity-sector
}

func (r *request) refuse() (status byte, ok bool) {
	r.device.counters.refused.Add(1)
	return statusIOErr, false
}

func (r *request) unsupported() (status byte, ok bool) {
	r.device.counters.unsupported.Add(1)
	return statusUnsupp, false
}
