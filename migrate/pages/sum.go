package pages

import (
	"context"
	"crypto/sha256"
	"os"

	"github.com/hullvm/hull/snapshot/memfile"
)

// SumSize is the length of a Sum, in bytes.
const SumSize = sha256.Size

// Sum says what is in memory, so that both sides can be compared after the last epoch:
// it is the SHA-256 of the checksums of each memfile.ChunkSize bytes. What was never
// used is not read where pagemap says so; it may be nil.
func Sum(ctx context.Context, m Memory, pagemap *os.File) ([SumSize]byte, error) {
	sums, err := memfile.Sum(ctx, m, memfile.Options{Pagemap: pagemap})
	if err != nil {
		return [SumSize]byte{}, err
	}
	return sums.Digest(), nil
}
