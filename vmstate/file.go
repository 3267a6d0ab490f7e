package vmstate

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

const (
	magic       = "HULLSTAT"
	format      = 1
	headerSize  = 20 // with the CRC
	sectionSize = 16 // likewise, without name and value

	flagOptional = 1 << 0
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var le = binary.LittleEndian

// Write writes the state to w.
func (s *State) Write(w io.Writer) error {
	b := bufio.NewWriter(w)
	head := le.AppendUint16([]byte(magic), format)
	head = le.AppendUint16(head, 0)
	head = le.AppendUint32(head, uint32(len(s.sections)))
	head = le.AppendUint32(head, crc32.Checksum(head, castagnoli))
	size := len(head)
	_, _ = b.Write(head) // Flush has its error
	for _, sec := range s.sections {
		if size += sectionSize + len(sec.name) + len(sec.value); size > MaxSize {
			return fmt.Errorf("state: write: more than %d bytes", MaxSize)
		}
		sec.write(b)
	}
	if err := b.Flush(); err != nil {
		return fmt.Errorf("state: write: %w", err)
	}
	return nil
}

func (sec *section) write(b *bufio.Writer) {
	head := sec.head()
	head = le.AppendUint32(head, sum(head, sec.name, sec.value))
	_, _ = b.Write(head)
	_, _ = b.WriteString(sec.name)
	_, _ = b.Write(sec.value)
}

// head is a section's beginning, up to its CRC.
func (sec *section) head() []byte {
	var flags uint16
	if sec.optional {
		flags |= flagOptional
	}
	head := le.AppendUint16(nil, uint16(len(sec.name)))
	head = le.AppendUint16(head, sec.version)
	head = le.AppendUint16(head, flags)
	head = le.AppendUint16(head, 0)
	return le.AppendUint32(head, uint32(len(sec.value)))
}

func sum(head []byte, name string, value []byte) uint32 {
	c := crc32.Checksum(head, castagnoli)
	c = crc32.Update(c, castagnoli, []byte(name))
	return crc32.Update(c, castagnoli, value)
}

// Read reads a state from r up to its end. Whatever is wrong with it is an
// ErrBadState, but for errors of r's own.
func Read(r io.Reader) (*State, error) {
	s, err := read(r)
	if err != nil {
		return nil, fmt.Errorf("state: read: %w", err)
	}
	return s, nil
}

func bad(format string, args ...any) error {
	return fmt.Errorf("%w: %w", fmt.Errorf(format, args...), ErrBadState)
}

func read(r io.Reader) (*State, error) {
	r = bufio.NewReader(io.LimitReader(r, MaxSize+1))
	head, err := take(r, headerSize, "header")
	if err != nil {
		return nil, err
	}
	switch sections := le.Uint32(head[12:]); {
	case string(head[:8]) != magic:
		return nil, bad("it does not begin as a state does")
	case crc32.Checksum(head[:16], castagnoli) != le.Uint32(head[16:]):
		return nil, bad("header: its checksum is wrong")
	case le.Uint16(head[8:]) != format:
		return nil, bad("its format is %d, and this version of Hull knows %d", le.Uint16(head[8:]), format)
	case le.Uint16(head[10:]) != 0 || sections > MaxSections:
		return nil, bad("header: %d sections, flags %#x", sections, le.Uint16(head[10:]))
	}
	s, size := New(), headerSize
	for i := range le.Uint32(head[12:]) {
		sec, n, err := readSection(r, MaxSize-size)
		if err != nil {
			return nil, fmt.Errorf("section %d: %w", i, err)
		}
		if err := s.insert(sec); err != nil {
			return nil, bad("section %d: %w", i, err)
		}
		size += n
	}
	if _, err := io.ReadFull(r, make([]byte, 1)); !errors.Is(err, io.EOF) {
		if err != nil {
			return nil, err
		}
		return nil, bad("there is more after its end")
	}
	return s, nil
}

// readSection reads a section, of room bytes or less, and how many it has.
func readSection(r io.Reader, room int) (*section, int, error) {
	head, err := take(r, sectionSize, "header")
	if err != nil {
		return nil, 0, err
	}
	names, flags, values := int(le.Uint16(head)), le.Uint16(head[4:]), le.Uint32(head[8:])
	if flags&^flagOptional != 0 || le.Uint16(head[6:]) != 0 {
		return nil, 0, bad("unknown flags %#x", flags)
	}
	n := sectionSize + names + int(values)
	if names > MaxName || values > MaxValue || n > room {
		return nil, 0, bad("name of %d and value of %d bytes: the most are %d and %d, and %d for all", names, values, MaxName, MaxValue, MaxSize)
	}
	name, err := take(r, names, "name")
	if err != nil {
		return nil, 0, err
	}
	value, err := take(r, int(values), "value")
	if err != nil {
		return nil, 0, err
	}
	sec := &section{name: string(name), version: le.Uint16(head[2:]), optional: flags&flagOptional != 0, value: value}
	if sum(head[:12], sec.name, value) != le.Uint32(head[12:]) {
		return nil, 0, bad("%q: its checksum is wrong", sec.name)
	}
	return sec, n, nil
}

// take reads n bytes. It takes memory only for those that come.
func take(r io.Reader, n int, what string) ([]byte, error) {
	var b bytes.Buffer
	if _, err := io.CopyN(&b, r, int64(n)); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, bad("%s: it is cut off after %d of %d bytes", what, b.Len(), n)
		}
		return nil, err
	}
	return b.Bytes(), nil
}
