package qcow2

import (
	"encoding/binary"
	"fmt"
)

// CreateOptions describe a new image.
type CreateOptions struct {
	Size        int64 // bytes, in whole sectors
	ClusterSize int64 // 512 to 2 MiB, 0 is 64 KiB
	// BackingFile is written as it is; a name that is not absolute starts in the
	// image's own directory. BackingFormat has to go with it.
	BackingFile, BackingFormat string
}

const (
	defaultClusterBits = 16
	headerLengthNew    = 112 // with compression_type and its padding
)

// Create makes f, which is empty, an image of version 3: a header, a refcount
// table with one block, and an L1 table. It is not durable before f is synced.
func Create(f File, o CreateOptions) error {
	clusterBits := uint(defaultClusterBits)
	if o.ClusterSize != 0 {
		for clusterBits = minClusterBits; clusterBits < maxClusterBits && o.ClusterSize != 1<<clusterBits; {
			clusterBits++
		}
		if o.ClusterSize != 1<<clusterBits {
			return fmt.Errorf("a cluster size of %d bytes: not a power of two from %d to %d", o.ClusterSize, 1<<minClusterBits, 1<<maxClusterBits)
		}
	}
	l1Bytes := max(l1Entries(max(o.Size, 0), clusterBits), 1) * 8
	switch {
	case o.Size <= 0 || o.Size%512 != 0:
		return fmt.Errorf("a size of %d bytes: not a positive number of 512-byte sectors", o.Size)
	case l1Bytes > maxL1Bytes:
		return fmt.Errorf("a size of %d bytes: too large for clusters of %d bytes", o.Size, 1<<clusterBits)
	case (o.BackingFile == "") != (o.BackingFormat == ""):
		return fmt.Errorf("backing file %q of format %q: both or none", o.BackingFile, o.BackingFormat)
	case len(o.BackingFile) > maxBackingName:
		return fmt.Errorf("backing file %q: its name is longer than %d bytes", o.BackingFile, maxBackingName)
	}

	clusterSize := int64(1) << clusterBits
	l := layOut(l1Bytes, clusterBits)
	header, err := encodeHeader(o, clusterBits, l)
	if err != nil {
		return err
	}
	refTable := make([]byte, l.refBlocks*8)
	blocks := make([]byte, l.refBlocks<<clusterBits)
	for i := range l.refBlocks {
		binary.BigEndian.PutUint64(refTable[i*8:], uint64((l.refBlock+i)<<clusterBits))
	}
	for c := range l.end {
		refSet(blocks, 4, c, 1) // the blocks lie, and count, one after the other
	}
	if err := writeAll(f, []write{
		{l.refTable << clusterBits, refTable},
		{l.refBlock << clusterBits, blocks},
	}); err != nil {
		return err
	}
	// The L1 table is zeroes, which is what a file reads as that was made
	// longer.
	if err := f.Truncate(l.end * clusterSize); err != nil {
		return err
	}
	return f.WriteAt(header, 0)
}

// layout is where the parts of a new image are, in clusters.
type layout struct {
	refTable, refTables int64
	refBlock, refBlocks int64
	l1, end             int64
	l1Entries           int64
}

// layOut places the header, then the refcount table, its blocks, and the L1
// table. The blocks count all of that, themselves among them.
func layOut(l1Bytes int64, clusterBits uint) layout {
	clusters := func(n int64) int64 { return (n + 1<<clusterBits - 1) >> clusterBits }
	l := layout{refTable: 1, refTables: 1, refBlocks: 1, l1Entries: l1Bytes / 8}
	for {
		l.refBlock = l.refTable + l.refTables
		l.l1 = l.refBlock + l.refBlocks
		l.end = l.l1 + clusters(l1Bytes)
		blocks := clusters(l.end * 2)
		tables := clusters(blocks * 8)
		if blocks == l.refBlocks && tables == l.refTables {
			return l
		}
		l.refBlocks, l.refTables = max(blocks, l.refBlocks), max(tables, l.refTables)
	}
}

func encodeHeader(o CreateOptions, clusterBits uint, l layout) ([]byte, error) {
	be := binary.BigEndian
	p := make([]byte, headerLengthNew)
	be.PutUint32(p[0:], magic)
	be.PutUint32(p[4:], 3)
	be.PutUint32(p[20:], uint32(clusterBits))
	be.PutUint64(p[24:], uint64(o.Size))
	be.PutUint32(p[36:], uint32(l.l1Entries))
	be.PutUint64(p[40:], uint64(l.l1<<clusterBits))
	be.PutUint64(p[48:], uint64(l.refTable<<clusterBits))
	be.PutUint32(p[56:], uint32(l.refTables))
	be.PutUint32(p[96:], 4)
	be.PutUint32(p[100:], headerLengthNew)

	names := encodeFeatureNames()
	if o.BackingFile != "" {
		p = appendExtension(p, extBackingFormat, []byte(o.BackingFormat))
	}
	// Clusters of 512 bytes have no room for names.
	if len(p)+8+len(names)+8+len(o.BackingFile) <= 1<<clusterBits {
		p = appendExtension(p, extFeatureNameTable, names)
	}
	p = appendExtension(p, extEnd, nil)
	if o.BackingFile != "" {
		be.PutUint64(p[8:], uint64(len(p)))
		be.PutUint32(p[16:], uint32(len(o.BackingFile)))
		p = append(p, o.BackingFile...)
	}
	if len(p) > 1<<clusterBits {
		return nil, fmt.Errorf("backing file %q: its name does not fit into a header of %d bytes", o.BackingFile, 1<<clusterBits)
	}
	return p, nil
}

func appendExtension(p []byte, kind uint32, content []byte) []byte {
	p = binary.BigEndian.AppendUint32(p, kind)
	p = binary.BigEndian.AppendUint32(p, uint32(len(content)))
	p = append(p, content...)
	for len(p)%8 != 0 {
		p = append(p, 0)
	}
	return p
}
