package qcow2

// Entries of the tables ("Cluster mapping").
const (
	flagCopied     = 1 << 63 // the refcount is exactly one: may be written in place
	flagCompressed = 1 << 62
	flagZero       = 1 << 0 // reads as zeroes, version 3

	offsetMask = 0x00ff_ffff_ffff_fe00 // bits 9 to 55

	refTableOffsetMask = 0xffff_ffff_ffff_fe00 // bits 9 to 63
)

// kind is what an L2 entry says about its cluster.
type kind int

const (
	unallocated   kind = iota // the backing file's content, or zeroes
	zeroPlain                 // zeroes, with no host cluster
	zeroAllocated             // zeroes, with a host cluster kept for it
	data                      // the host cluster's content
	compressed
)

func kindOf(entry uint64) kind {
	switch {
	case entry&flagCompressed != 0:
		return compressed
	case entry&flagZero != 0 && entry&offsetMask != 0:
		return zeroAllocated
	case entry&flagZero != 0:
		return zeroPlain
	case entry&offsetMask != 0:
		return data
	}
	return unallocated
}

// hostOffset is where a standard cluster lies.
func hostOffset(entry uint64) int64 { return int64(entry & offsetMask) }

// writable says that the entry's host cluster holds the data and is nobody
// else's.
func writable(entry uint64) bool { return kindOf(entry) == data && entry&flagCopied != 0 }

// compressedRange is where the bytes of a compressed cluster lie. It ends at the
// end of a sector, and may hold other clusters' bytes from some point on.
func compressedRange(entry uint64, clusterBits uint) (off, n int64) {
	x := 62 - (clusterBits - 8)
	off = int64(entry & (1<<x - 1) & maxHostOffset)
	sectors := int64(entry>>x&(1<<(62-x)-1)) + 1
	return off, sectors*512 - off&511
}
