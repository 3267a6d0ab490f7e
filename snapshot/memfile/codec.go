package memfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

const (
	format     = 1
	headerSize = 36 // with the CRC
	summedSize = 32 // without
)

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	le         = binary.LittleEndian
)

// ErrCorrupt is in the error of every file whose content is not what was written.
var ErrCorrupt = errors.New("it is damaged, or no such file")

func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: %w", fmt.Errorf(format, args...), ErrCorrupt)
}

// kind is one of the files beside a memory file.
type kind struct {
	name  string // for messages
	magic string // 8 bytes
	unit  uint32 // bytes of memory that an entry, or a bit or number of it, is about
	entry int    // bytes of an entry

	// check judges the number of entries of a memory file of size bytes.
	check func(size int64, entries uint64) error
}

// exactly is the check of a kind whose number of entries follows from the size.
func exactly(per int64) func(int64, uint64) error {
	return func(size int64, entries uint64) error {
		if want := uint64((size + per - 1) / per); entries != want {
			return corrupt("it has %d entries, and not %d", entries, want)
		}
		return nil
	}
}

// encode returns the file of entries that put appends.
func (k *kind) encode(size int64, entries int, put func(b []byte) []byte) []byte {
	b := make([]byte, 0, headerSize+entries*k.entry)
	b = append(b, k.magic...)
	b = le.AppendUint16(b, format)
	b = le.AppendUint16(b, 0)
	b = le.AppendUint32(b, k.unit)
	b = le.AppendUint64(b, uint64(size))
	b = le.AppendUint64(b, uint64(entries))
	b = le.AppendUint32(b, 0)
	b = put(b)
	le.PutUint32(b[summedSize:], k.sum(b))
	return b
}

func (k *kind) sum(b []byte) uint32 {
	return crc32.Update(crc32.Checksum(b[:summedSize], castagnoli), castagnoli, b[headerSize:])
}

// decode reads such a file of a memory file of size bytes, up to its end, and
// returns its entries.
func (k *kind) decode(r io.Reader, size int64) ([]byte, error) {
	body, err := k.read(r, size)
	if err != nil {
		return nil, fmt.Errorf("%s: read: %w", k.name, err)
	}
	return body, nil
}

func (k *kind) read(r io.Reader, size int64) ([]byte, error) {
	if err := checkSize(size); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := take(r, &b, headerSize); err != nil {
		return nil, err
	}
	head := b.Bytes()
	entries := le.Uint64(head[24:])
	switch {
	case string(head[:8]) != k.magic:
		return nil, corrupt("it does not begin as one")
	case le.Uint16(head[8:]) != format || le.Uint16(head[10:]) != 0:
		return nil, corrupt("its format is %d, and this version of Hull knows %d", le.Uint16(head[8:]), format)
	case le.Uint32(head[12:]) != k.unit:
		return nil, corrupt("its unit is %d bytes, and not %d", le.Uint32(head[12:]), k.unit)
	case le.Uint64(head[16:]) != uint64(size):
		return nil, corrupt("it is of %d bytes of memory, and not of %d", le.Uint64(head[16:]), size)
	}
	if err := k.check(size, entries); err != nil {
		return nil, err
	}
	if err := take(r, &b, int64(entries)*int64(k.entry)); err != nil {
		return nil, err
	}
	if _, err := io.ReadFull(r, make([]byte, 1)); !errors.Is(err, io.EOF) {
		if err != nil {
			return nil, err
		}
		return nil, corrupt("there is more after its end")
	}
	if le.Uint32(b.Bytes()[summedSize:]) != k.sum(b.Bytes()) {
		return nil, corrupt("its checksum is wrong")
	}
	return b.Bytes()[headerSize:], nil
}

// take reads n more bytes into b. It takes memory only for those that come.
func take(r io.Reader, b *bytes.Buffer, n int64) error {
	_, err := io.CopyN(b, r, n)
	if errors.Is(err, io.EOF) {
		return corrupt("it is cut off after %d bytes", b.Len())
	}
	return err
}
