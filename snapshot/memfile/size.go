package memfile

import (
	"fmt"

	"github.com/hullvm/hull/mem"
)

// PageSize is the granule of everything here, in bytes.
const PageSize = mem.PageSize

// ChunkSize is how much of a memory file has one checksum, in bytes.
const ChunkSize = 1 << 20

// checkSize refuses what cannot be the size of a memory file.
func checkSize(size int64) error {
	if size <= 0 || size%PageSize != 0 || size > mem.MaxSize {
		return fmt.Errorf("memory of %d bytes: want pages of %d bytes, up to %s", size, PageSize, mem.FormatSize(mem.MaxSize))
	}
	return nil
}

// Extent is a part of a memory file, in bytes: whole pages.
type Extent struct {
	Offset, Size int64
}

func (e Extent) end() int64 { return e.Offset + e.Size }
