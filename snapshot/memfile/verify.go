package memfile

import (
	"context"
	"fmt"
	"hash/crc32"
	"os"
)

// ChunkError says which chunk of a memory file is not what was written. It is
// ErrCorrupt.
type ChunkError struct {
	Offset int64 // of the first such, bytes
}

func (e *ChunkError) Error() string {
	return fmt.Sprintf("up to %d bytes at offset %d: the checksum is wrong", ChunkSize, e.Offset)
}

func (e *ChunkError) Unwrap() error { return ErrCorrupt }

// Verify reads a memory file, but for its holes, and holds it against its
// checksums. The error is a *ChunkError for the first chunk that differs. progress
// may be nil, and is called as Options.Progress is.
func Verify(ctx context.Context, f *os.File, sums *Sums, progress func(done, total int64)) error {
	if err := verify(ctx, f, sums, progress); err != nil {
		return fmt.Errorf("memory file: verify: %w", causeOf(err))
	}
	return nil
}

func verify(ctx context.Context, f *os.File, sums *Sums, progress func(done, total int64)) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() != sums.size {
		return corrupt("it has %d bytes, and not %d", info.Size(), sums.size)
	}
	return inUnits(ctx, sums.size, progress, func() func(Extent) error {
		v := &verifier{file: f, sums: sums, chunk: make([]byte, ChunkSize)}
		return v.unit
	})
}

// verifier is what one goroutine verifies with.
type verifier struct {
	file  *os.File
	sums  *Sums
	chunk []byte
}

func (v *verifier) unit(e Extent) error {
	for off := e.Offset; off < e.end(); off += ChunkSize {
		crc, err := v.sum(Extent{Offset: off, Size: min(ChunkSize, e.end()-off)})
		if err != nil {
			return err
		}
		if crc != *v.sums.chunk(off) {
			return &ChunkError{Offset: off}
		}
	}
	return nil
}

func (v *verifier) sum(c Extent) (uint32, error) {
	var data []Extent
	if err := dataIn(int(v.file.Fd()), c, func(d Extent) { data = append(data, d) }); err != nil {
		return 0, err
	}
	if len(data) == 0 {
		return crcOfZeroes(c.Size), nil
	}
	b := v.chunk[:c.Size]
	clear(b)
	for _, d := range data {
		part := b[d.Offset-c.Offset:][:d.Size]
		if n, err := v.file.ReadAt(part, d.Offset); n < len(part) {
			return 0, fmt.Errorf("%d of %d bytes at offset %d: %w", n, len(part), d.Offset, causeOf(err))
		}
	}
	return crc32.Checksum(b, castagnoli), nil
}
