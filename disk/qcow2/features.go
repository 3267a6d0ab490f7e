package qcow2

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// incompatible_features: who does not know one must not touch the image.
const (
	incompatDirty       = 1 << 0 // refcounts may be wrong
	incompatCorrupt     = 1 << 1 // anything may be wrong
	incompatDataFile    = 1 << 2 // data in an external file
	incompatCompression = 1 << 3 // compression_type is not zlib
	incompatExtendedL2  = 1 << 4 // subclusters
)

// feature is an entry of the feature name table.
type feature struct {
	kind byte // 0 incompatible, 1 compatible, 2 autoclear
	bit  byte
	name string
}

// featureNames are those that Hull knows, and writes into new images.
var featureNames = []feature{
	{0, 0, "dirty bit"},
	{0, 1, "corrupt bit"},
	{0, 2, "external data file"},
	{0, 3, "compression type"},
	{0, 4, "extended L2 entries"},
	{1, 0, "lazy refcounts"},
	{2, 0, "bitmaps"},
	{2, 1, "raw external data"},
}

const featureEntrySize = 48

// encodeFeatureNames is the content of the feature name table.
func encodeFeatureNames() []byte {
	var out []byte
	for _, f := range featureNames {
		var e [featureEntrySize]byte
		e[0], e[1] = f.kind, f.bit
		copy(e[2:], f.name)
		out = append(out, e[:]...)
	}
	return out
}

// incompatible refuses an image that uses a feature which is not here, by the
// name that the image itself has for it.
func (h *Header) incompatible(p []byte) error {
	known := uint64(incompatDirty | incompatCorrupt | incompatCompression)
	unknown := h.IncompatibleFeatures &^ known
	if unknown == 0 {
		return nil
	}
	table, err := extension(p, h.HeaderLength, extFeatureNameTable)
	if err != nil {
		return err
	}
	var names []string
	for _, bit := range featureBits(unknown) {
		names = append(names, featureName(table, byte(bit)))
	}
	return fmt.Errorf("it uses features that are not supported: %s; convert it with qemu-img", strings.Join(names, ", "))
}

func featureName(table []byte, bit byte) string {
	for _, f := range featureNames {
		if f.kind == 0 && f.bit == bit {
			return f.name
		}
	}
	for ; len(table) >= featureEntrySize; table = table[featureEntrySize:] {
		if table[0] == 0 && table[1] == bit {
			name, _, _ := bytes.Cut(table[2:featureEntrySize], []byte{0})
			return strconv.QuoteToASCII(string(name))
		}
	}
	return "bit " + strconv.Itoa(int(bit))
}
