package qcow2

import (
	"encoding/binary"
	"fmt"
)

// The snapshot table ("Snapshots"). Hull takes no internal snapshots, and keeps
// those that an image has.
const (
	snapshotEntrySize = 40 // without extra data, ID and name
	maxSnapshotExtra  = 1024
	// maxSnapshotTable bounds what is read of a table.
	maxSnapshotTable = 64 << 20
)

// snapshot is what a check has to know of one.
type snapshot struct {
	l1Offset int64
	l1Size   uint32
}

// snapshots reads the snapshot table, and how many bytes it takes.
func (im *Image) snapshots() ([]snapshot, int64, error) {
	be := binary.BigEndian
	var out []snapshot
	at := int64(0)
	for range im.hdr.NbSnapshots {
		var p [snapshotEntrySize]byte
		if err := im.f.ReadAt(p[:], im.hdr.SnapshotsOffset+at); err != nil {
			return nil, 0, fmt.Errorf("read the snapshot table: %w", err)
		}
		s := snapshot{int64(be.Uint64(p[0:])), be.Uint32(p[8:])}
		extra := be.Uint32(p[36:])
		bytes := int64(s.l1Size) * 8
		if extra > maxSnapshotExtra || bytes > maxL1Bytes || s.l1Offset < 0 || s.l1Offset&(im.clusterSize-1) != 0 ||
			s.l1Offset > im.space.end || bytes > im.space.end-s.l1Offset {
			return nil, 0, malformed("snapshot %d: an L1 table of %d entries at %#x", len(out), s.l1Size, s.l1Offset)
		}
		out = append(out, s)
		at += (snapshotEntrySize + int64(extra) + int64(be.Uint16(p[12:])) + int64(be.Uint16(p[14:])) + 7) &^ 7
		if at > maxSnapshotTable {
			return nil, 0, malformed("the snapshot table has more than %d bytes", maxSnapshotTable)
		}
	}
	return out, at, nil
}
