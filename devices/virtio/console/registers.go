package console

import "encoding/binary"

// The queues of port 0 (section 5.3.2).
const (
	queueRX = iota // receiveq
	queueTX        // transmitq
	queues
)

// FeatureSize is VIRTIO_CONSOLE_F_SIZE (section 5.3.3): cols and rows are valid.
const FeatureSize = 1 << 0

// struct virtio_console_config (section 5.3.4), as far as it is valid.
const (
	configCols = 0 // le16, R
	configRows = 2 // le16, R
	configSize = 4 // max_nr_ports and emerg_wr follow, of features that are not offered
)

// size is a terminal's, in characters.
type size struct{ cols, rows uint16 }

// pack makes one value of a size, which is read and written whole.
func (s size) pack() uint32 { return uint32(s.cols) | uint32(s.rows)<<16 }

func unpack(v uint32) size { return size{cols: uint16(v), rows: uint16(v >> 16)} }

// config is the configuration space.
func (s size) config() (b [configSize]byte) {
	binary.LittleEndian.PutUint16(b[configCols:], s.cols)
	binary.LittleEndian.PutUint16(b[configRows:], s.rows)
	return b
}
