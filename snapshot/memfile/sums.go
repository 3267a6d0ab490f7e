package memfile

import (
	"crypto/sha256"
	"hash/crc32"
	"io"
	"slices"
)

var sumsKind = kind{name: "memory checksums", magic: "HULLSUMS", unit: ChunkSize, entry: 4, check: exactly(ChunkSize)}

// Sums are the CRC-32C of each ChunkSize bytes of a memory file, a hole's being
// that of zeroes. The last chunk may be shorter.
type Sums struct {
	size int64
	crcs []uint32
}

func newSums(size int64) *Sums {
	return &Sums{size: size, crcs: make([]uint32, (size+ChunkSize-1)/ChunkSize)}
}

// Size is the memory file's, in bytes.
func (s *Sums) Size() int64 { return s.size }

// chunk is the checksum of the chunk at an offset.
func (s *Sums) chunk(off int64) *uint32 { return &s.crcs[off/ChunkSize] }

func (s *Sums) encode() []byte {
	return sumsKind.encode(s.size, len(s.crcs), func(b []byte) []byte {
		for _, c := range s.crcs {
			b = le.AppendUint32(b, c)
		}
		return b
	})
}

// Encode writes the file of the checksums.
func (s *Sums) Encode(w io.Writer) error {
	_, err := w.Write(s.encode())
	return err
}

// Digest is the SHA-256 of that file.
func (s *Sums) Digest() [sha256.Size]byte { return sha256.Sum256(s.encode()) }

// Equal reports whether two are of the same content.
func (s *Sums) Equal(o *Sums) bool { return s.size == o.size && slices.Equal(s.crcs, o.crcs) }

// ReadSums reads the checksums of a memory file of size bytes, up to r's end.
// Whatever is wrong with them is ErrCorrupt, but for errors of r's own.
func ReadSums(r io.Reader, size int64) (*Sums, error) {
	b, err := sumsKind.decode(r, size)
	if err != nil {
		return nil, err
	}
	s := newSums(size)
	for i := range s.crcs {
		s.crcs[i] = le.Uint32(b[4*i:])
	}
	return s, nil
}

var (
	zeroPage  = make([]byte, PageSize)
	zeroChunk = sumZeroes(ChunkSize)
)

// crcOfZeroes is the checksum of a chunk of n bytes without a page.
func crcOfZeroes(n int64) uint32 {
	if n == ChunkSize {
		return zeroChunk
	}
	return sumZeroes(n)
}

func sumZeroes(n int64) (c uint32) {
	for ; n > 0; n -= PageSize {
		c = crc32.Update(c, castagnoli, zeroPage)
	}
	return c
}
