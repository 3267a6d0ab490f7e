package qcow2

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
)

// The header (docs/interop/qcow2.txt, "Header"): big-endian, at offset 0.
const (
	magic = 0x514649fb // "QFI\xfb"

	headerLengthV2 = 72
	headerLengthV3 = 104 // without the optional fields

	// The fields that change while an image is open, in one sector, so that a
	// write of them is there or is not.
	offSize             = 24 // size, crypt_method, l1_size, l1_table_offset
	offRefcountTable    = 48 // refcount_table_offset, refcount_table_clusters
	offIncompatible     = 72
	offAutoclear        = 88
	offCompressionType  = 104
	compressionTypeZlib = 0
	compressionTypeZstd = 1
)

// Bounds. The first three are QEMU's, so that no image is one's own only.
const (
	minClusterBits   = 9
	maxClusterBits   = 21
	maxL1Bytes       = 32 << 20
	maxRefTableBytes = 8 << 20
	maxBackingName   = 1023
	maxSnapshots     = 65536
	maxRefcountOrder = 6
	maxHostOffset    = 1<<56 - 1
)

// ErrFormat says that a file is not a qcow2 image that can be read.
var ErrFormat = errors.New("not a valid qcow2 image")

// Header is what the head of an image says. The names are the specification's.
type Header struct {
	Version              uint32
	BackingFile          string // "" without one
	BackingFormat        string // "" where the image does not say
	ClusterBits          uint
	Size                 int64 // of the virtual disk, bytes
	L1Size               uint32
	L1TableOffset        int64
	RefcountTableOffset  int64
	RefcountTableCluster uint32
	NbSnapshots          uint32
	SnapshotsOffset      int64
	IncompatibleFeatures uint64
	CompatibleFeatures   uint64
	AutoclearFeatures    uint64
	RefcountOrder        uint
	HeaderLength         uint32
	CompressionType      byte
}

// ReadHeader reads and judges the head of an image. Nothing else of the image
// has been looked at then.
func ReadHeader(f File) (*Header, error) {
	p := make([]byte, min(headerLengthV2, f.Size()))
	if err := f.ReadAt(p, 0); err != nil {
		return nil, fmt.Errorf("disk %q: read the header: %w", f.Name(), err)
	}
	if len(p) == headerLengthV2 {
		clusterBits := min(max(binary.BigEndian.Uint32(p[20:]), minClusterBits), maxClusterBits)
		p = make([]byte, min(1<<clusterBits, f.Size()))
		if err := f.ReadAt(p, 0); err != nil {
			return nil, fmt.Errorf("disk %q: read the header: %w", f.Name(), err)
		}
	}
	h, err := parseHeader(p, f.Size())
	if err != nil {
		return nil, fmt.Errorf("disk %q: %w", f.Name(), err)
	}
	return h, nil
}

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrFormat, fmt.Sprintf(format, args...))
}

// parseHeader reads the start of a file that is fileSize bytes long.
func parseHeader(p []byte, fileSize int64) (*Header, error) {
	if len(p) < headerLengthV2 {
		return nil, malformed("it has %d bytes, less than a header", len(p))
	}
	be := binary.BigEndian
	if be.Uint32(p) != magic {
		return nil, malformed("it does not start with QFI\\xfb; if it is a raw disk, state that format")
	}
	h := &Header{Version: be.Uint32(p[4:]), RefcountOrder: 4, HeaderLength: headerLengthV2}
	if h.Version != 2 && h.Version != 3 {
		return nil, malformed("version %d, not 2 or 3", h.Version)
	}
	clusterBits := be.Uint32(p[20:])
	if clusterBits < minClusterBits || clusterBits > maxClusterBits {
		return nil, malformed("cluster_bits %d, not %d to %d", clusterBits, minClusterBits, maxClusterBits)
	}
	h.ClusterBits = uint(clusterBits)
	p = p[:min(len(p), 1<<clusterBits)] // the header and all that belongs to it is in the first cluster
	if len(p) < headerLengthV2 {
		return nil, malformed("it has %d bytes, less than a header", len(p))
	}
	if err := h.features(p); err != nil {
		return nil, err
	}
	if err := cryptError(be.Uint32(p[32:])); err != nil {
		return nil, err
	}
	if err := h.tables(p, fileSize); err != nil {
		return nil, err
	}
	return h, h.backing(p)
}

// features reads what version 3 added.
func (h *Header) features(p []byte) error {
	if h.Version == 2 {
		return nil
	}
	be := binary.BigEndian
	if len(p) < headerLengthV3 {
		return malformed("it has %d bytes, less than a header", len(p))
	}
	h.IncompatibleFeatures = be.Uint64(p[offIncompatible:])
	h.CompatibleFeatures = be.Uint64(p[80:])
	h.AutoclearFeatures = be.Uint64(p[offAutoclear:])
	order := be.Uint32(p[96:])
	h.HeaderLength = be.Uint32(p[100:])
	if h.HeaderLength < headerLengthV3 || h.HeaderLength%8 != 0 || int64(h.HeaderLength) > int64(len(p)) {
		return malformed("header_length %d", h.HeaderLength)
	}
	if order > maxRefcountOrder {
		return malformed("refcount_order %d, more than %d", order, maxRefcountOrder)
	}
	h.RefcountOrder = uint(order)
	if h.HeaderLength > offCompressionType {
		h.CompressionType = p[offCompressionType]
	}
	if err := h.incompatible(p); err != nil {
		return err
	}
	switch stated := h.IncompatibleFeatures&incompatCompression != 0; {
	case stated && h.CompressionType == compressionTypeZstd:
	case !stated && h.CompressionType == compressionTypeZlib:
	case h.CompressionType > compressionTypeZstd:
		return fmt.Errorf("compression type %d is not supported", h.CompressionType)
	default:
		return malformed("compression_type %d does not go with the features %#x", h.CompressionType, h.IncompatibleFeatures)
	}
	return nil
}

// tables reads where the tables are, and holds them to their bounds and to the
// file.
func (h *Header) tables(p []byte, fileSize int64) error {
	be := binary.BigEndian
	clusterSize := int64(1) << h.ClusterBits
	size := be.Uint64(p[24:])
	if size > math.MaxInt64-uint64(clusterSize) {
		return malformed("size %d", size)
	}
	h.Size = int64(size)
	h.L1Size = be.Uint32(p[36:])
	if int64(h.L1Size) > maxL1Bytes/8 {
		return malformed("l1_size %d, more than %d", h.L1Size, maxL1Bytes/8)
	}
	if need := l1Entries(h.Size, h.ClusterBits); need > int64(h.L1Size) {
		return malformed("l1_size %d, too few for %d bytes", h.L1Size, h.Size)
	}
	h.RefcountTableCluster = be.Uint32(p[56:])
	if n := int64(h.RefcountTableCluster); n < 1 || n<<h.ClusterBits > max(maxRefTableBytes, clusterSize) {
		return malformed("refcount_table_clusters %d", n)
	}
	h.NbSnapshots = be.Uint32(p[60:])
	if h.NbSnapshots > maxSnapshots {
		return malformed("nb_snapshots %d, more than %d", h.NbSnapshots, maxSnapshots)
	}
	for _, t := range []struct {
		name  string
		at    int
		bytes int64
		into  *int64
	}{
		{"l1_table_offset", 40, int64(h.L1Size) * 8, &h.L1TableOffset},
		// The table's last cluster may not be written to its end yet.
		{"refcount_table_offset", offRefcountTable, int64(h.RefcountTableCluster-1)<<h.ClusterBits + 1, &h.RefcountTableOffset},
		{"snapshots_offset", 64, int64(h.NbSnapshots) * snapshotEntrySize, &h.SnapshotsOffset},
	} {
		off := be.Uint64(p[t.at:])
		if t.bytes == 0 {
			continue
		}
		if off == 0 || off > maxHostOffset || off&uint64(clusterSize-1) != 0 {
			return malformed("%s %#x", t.name, off)
		}
		if int64(off) > fileSize || t.bytes > fileSize-int64(off) {
			return malformed("%s %#x: the table is not inside the file's %d bytes", t.name, off, fileSize)
		}
		*t.into = int64(off)
	}
	return nil
}

// l1Entries is how many L1 entries a disk of size bytes takes.
func l1Entries(size int64, clusterBits uint) int64 {
	l2Covers := clusterBits + clusterBits - 3
	return size>>l2Covers + min(size&(1<<l2Covers-1), 1)
}

// Methods of encryption, by crypt_method.
func cryptError(method uint32) error {
	switch method {
	case 0:
		return nil
	case 1:
		return errors.New("AES encryption is not supported; convert the image with qemu-img")
	case 2:
		return errors.New("LUKS encryption is not supported; encrypt inside the guest, or convert the image with qemu-img")
	}
	return malformed("crypt_method %d", method)
}

// Header extensions.
const (
	extEnd              = 0
	extBackingFormat    = 0xe2792aca
	extFeatureNameTable = 0x6803f857
)

// backing reads the backing file's name, and its format from an extension.
func (h *Header) backing(p []byte) error {
	be := binary.BigEndian
	off, n := be.Uint64(p[8:]), be.Uint32(p[16:])
	if off == 0 {
		return nil
	}
	if n == 0 || n > maxBackingName || off < uint64(h.HeaderLength) || off > uint64(len(p)) || uint64(n) > uint64(len(p))-off {
		return malformed("backing_file_offset %#x with %d bytes", off, n)
	}
	h.BackingFile = string(p[off : off+uint64(n)])
	format, err := extension(p, h.HeaderLength, extBackingFormat)
	if err != nil {
		return err
	}
	if len(format) > 64 {
		return malformed("a backing format of %d bytes", len(format))
	}
	h.BackingFormat = string(format)
	return nil
}

// extension is the content of the first header extension of a type, nil where
// there is none.
func extension(p []byte, at, want uint32) ([]byte, error) {
	be := binary.BigEndian
	rest := p[at:]
	if off := be.Uint64(p[8:]); off > uint64(at) && off < uint64(len(p)) {
		rest = p[at:off] // the backing file's name ends the extensions
	}
	for len(rest) >= 8 {
		kind, n := be.Uint32(rest), be.Uint32(rest[4:])
		rest = rest[8:]
		if kind == extEnd {
			break
		}
		if uint64(n) > uint64(len(rest)) {
			return nil, malformed("header extension %#x of %d bytes does not fit", kind, n)
		}
		if kind == want {
			return rest[:n], nil
		}
		rest = rest[min((int(n)+7)&^7, len(rest)):]
	}
	return nil, nil
}

// refBlockBits is log2 of the entries of a refcount block.
func (h *Header) refBlockBits() uint { return h.ClusterBits + 3 - h.RefcountOrder }

// featureBits lists the bits of a feature mask.
func featureBits(mask uint64) []int {
	var out []int
	for ; mask != 0; mask &= mask - 1 {
		out = append(out, bits.TrailingZeros64(mask))
	}
	return out
}
