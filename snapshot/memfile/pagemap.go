package memfile

import (
	"fmt"
	"os"
)

// Bits of an entry of /proc/PID/pagemap (Documentation/admin-guide/mm/pagemap.rst).
const (
	pagePresent = 1 << 63
	pageSwapped = 1 << 62
	pageOfFile  = 1 << 61 // of a file, or shared

	pagemapEntry = 8 // bytes, one for each page of addresses
)

// OpenPagemap opens what says of this process's memory which pages it has. A
// process that jails itself does so before.
func OpenPagemap() (*os.File, error) { return os.Open("/proc/self/pagemap") }

// entries reads the pagemap's entries of the pages of a piece that are in an
// extent of the file into b, which has room for them.
func (p *piece) entries(pagemap *os.File, e Extent, b []byte) ([]byte, error) {
	b = b[:e.Size/PageSize*pagemapEntry]
	page := (int64(p.Host) + e.Offset - p.off) / PageSize
	if n, err := pagemap.ReadAt(b, page*pagemapEntry); n < len(b) {
		return nil, fmt.Errorf("pagemap: read %d of %d entries at %d: %w", n/pagemapEntry, len(b)/pagemapEntry, page, err)
	}
	return b, nil
}

// isPrivate reports whether an entry is of a page that this process has for
// itself: one of a file that it has only looked at is not.
func isPrivate(entry uint64, ofFile bool) bool {
	return entry&(pagePresent|pageSwapped) != 0 && !(ofFile && entry&pageOfFile != 0)
}
