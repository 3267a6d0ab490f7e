package blk

import (
	"encoding/binary"
	"math/bits"
)

// Feature bits (section 5.2.3).
const (
	FeatureSizeMax     = 1 << 1  // VIRTIO_BLK_F_SIZE_MAX
	FeatureSegMax      = 1 << 2  // VIRTIO_BLK_F_SEG_MAX
	FeatureReadOnly    = 1 << 5  // VIRTIO_BLK_F_RO
	FeatureBlockSize   = 1 << 6  // VIRTIO_BLK_F_BLK_SIZE
	FeatureFlush       = 1 << 9  // VIRTIO_BLK_F_FLUSH
	FeatureTopology    = 1 << 10 // VIRTIO_BLK_F_TOPOLOGY
	FeatureConfigWCE   = 1 << 11 // VIRTIO_BLK_F_CONFIG_WCE
	FeatureMQ          = 1 << 12 // VIRTIO_BLK_F_MQ
	FeatureDiscard     = 1 << 13 // VIRTIO_BLK_F_DISCARD
	FeatureWriteZeroes = 1 << 14 // VIRTIO_BLK_F_WRITE_ZEROES
)

// struct virtio_blk_config (section 5.2.4): offset, meaning, R/W.
const (
	regCapacity               = 0  // capacity: sectors of 512 bytes, le64, R
	regSizeMax                = 8  // size_max: bytes in a segment, le32, R
	regSegMax                 = 12 // seg_max: segments in a request, le32, R
	regBlkSize                = 20 // blk_size: bytes in a block, le32, R
	regPhysicalBlockExp       = 24 // physical_block_exp: log2 of blocks in a physical block, u8, R
	regMinIOSize              = 26 // min_io_size: blocks, le16, R
	regWriteback              = 32 // writeback: 1 write-back, 0 write-through, u8, RW
	regNumQueues              = 34 // num_queues, le16, R
	regMaxDiscardSectors      = 36 // max_discard_sectors, le32, R
	regMaxDiscardSeg          = 40 // max_discard_seg, le32, R
	regDiscardSectorAlignment = 44 // discard_sector_alignment: sectors, le32, R
	regMaxWriteZeroesSectors  = 48 // max_write_zeroes_sectors, le32, R
	regMaxWriteZeroesSeg      = 52 // max_write_zeroes_seg, le32, R
	regWriteZeroesMayUnmap    = 56 // write_zeroes_may_unmap, u8, R
	configSize                = 60
)

// What one request may ask for. A request is never left half done, so these
// bound how long a pause or a reset has to wait.
const (
	sizeMax = 1 << 20 // bytes

	maxDiscardSectors = 2 << 30 / sectorSize
	maxDiscardSeg     = 64

	// Zeroes may have to be written one by one.
	maxWriteZeroesSectors = 128 << 20 / sectorSize
	maxWriteZeroesSeg     = 1
)

// segMax is how many segments fit in a queue's chain beside header and status.
func (d *Device) segMax() uint32 { return uint32(d.queueSize) - 2 }

// maxData is the most bytes that a request may move.
func (d *Device) maxData() uint64 { return uint64(d.segMax()) * sizeMax }

// Features are what the device offers.
func (d *Device) Features() uint64 {
	f := uint64(FeatureSizeMax | FeatureSegMax | FeatureBlockSize | FeatureFlush | FeatureTopology | FeatureConfigWCE)
	if d.readOnly {
		f |= FeatureReadOnly
	} else {
		f |= FeatureDiscard | FeatureWriteZeroes
	}
	if d.queues > 1 {
		f |= FeatureMQ
	}
	return f
}

// ReadConfig fills p from the configuration space at off.
func (d *Device) ReadConfig(off uint64, p []byte) {
	clear(p)
	if off >= configSize {
		return
	}
	var c [configSize]byte
	le := binary.LittleEndian
	le.PutUint64(c[regCapacity:], d.capacity.Load())
	le.PutUint32(c[regSizeMax:], sizeMax)
	le.PutUint32(c[regSegMax:], d.segMax())
	le.PutUint32(c[regBlkSize:], d.blockSize)
	c[regPhysicalBlockExp] = byte(bits.TrailingZeros32(d.physicalBlockSize / d.blockSize))
	le.PutUint16(c[regMinIOSize:], uint16(d.physicalBlockSize/d.blockSize))
	if d.writeback.Load() {
		c[regWriteback] = 1
	}
	le.PutUint16(c[regNumQueues:], uint16(d.queues))
	if !d.readOnly {
		le.PutUint32(c[regMaxDiscardSectors:], maxDiscardSectors)
		le.PutUint32(c[regMaxDiscardSeg:], maxDiscardSeg)
		le.PutUint32(c[regDiscardSectorAlignment:], d.physicalBlockSize/sectorSize)
		le.PutUint32(c[regMaxWriteZeroesSectors:], maxWriteZeroesSectors)
		le.PutUint32(c[regMaxWriteZeroesSeg:], maxWriteZeroesSeg)
		c[regWriteZeroesMayUnmap] = 1
	}
	copy(p, c[off:])
}

// WriteConfig takes a write of the cache mode; all else is not writable.
func (d *Device) WriteConfig(off uint64, p []byte) {
	if off <= regWriteback && regWriteback-off < uint64(len(p)) {
		d.writeback.Store(p[regWriteback-off] != 0)
	}
}
