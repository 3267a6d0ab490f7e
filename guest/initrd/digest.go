package initrd

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"

	"github.com/u-root/u-root/pkg/cpio"
)

// digest is the name of what the records and the compression give: the hash of
// every field that reaches the archive. Each record has its checksum.
func digest(records []record, c Compression) string {
	h := sha256.New()
	var b []byte
	b = append(b, "hull initrd 1\x00"...)
	b = append(b, byte(c))
	for i := range records {
		r := &records[i]
		b = binary.BigEndian.AppendUint32(b, uint32(len(r.path)))
		b = append(b, r.path...)
		for _, v := range []uint64{r.mode, r.major, r.minor, uint64(r.size)} {
			b = binary.BigEndian.AppendUint64(b, v)
		}
		b = append(b, r.sum[:]...)
	}
	h.Write(b)
	return hex.EncodeToString(h.Sum(nil))
}

// headerSize is that of a record in the newc format, in bytes. It and the name are
// padded to four, and so is the content.
const headerSize = 110

// archiveSize is how many bytes write makes of records, uncompressed.
func archiveSize(records []record) int64 {
	round := func(n int) int64 { return int64(n+3) &^ 3 }
	size := round(headerSize + len(cpio.Trailer) + 1)
	for i := range records {
		size += round(headerSize+len(cpio.Normalize(records[i].path))+1) + round(int(records[i].size))
	}
	return size
}
