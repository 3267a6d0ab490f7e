package disktest

import (
	"bytes"
	"fmt"
	"math/rand/v2"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/disk/vectors"
)

// Disk is a disk under test: disk.Image without Close.
type Disk interface {
	Size() int64
	Readv(iov []unix.Iovec, off int64) error
	Writev(iov []unix.Iovec, off int64) error
	Flush() error
	Discard(off, n int64) error
	WriteZeroes(off, n int64, mayUnmap bool) error
	Resize(size int64) error
}

// Model is what a disk has to read as, the obvious way.
type Model struct {
	Bytes []byte
	Rand  *rand.Rand
	// Most bounds the length of one request, in bytes.
	Most int64
	// ByteWise lets requests start and end at any byte.
	ByteWise bool
	// MaxSize is how far a disk may be resized; 0 is never.
	MaxSize int64
	// Shrinks lets it become smaller too.
	Shrinks bool
}

// span is a random range inside of the disk, now and then one that ends with it.
func (m *Model) span() (off, n int64) {
	size, unit := int64(len(m.Bytes)), int64(512)
	if m.ByteWise {
		unit = 1
	}
	n = 1 + m.Rand.Int64N(min(m.Most, size)/unit)
	if m.Rand.IntN(2) == 0 {
		n = 1 + m.Rand.Int64N(min(16, n))
	}
	off = m.Rand.Int64N(size/unit - n + 1)
	switch m.Rand.IntN(16) {
	case 0:
		off = size/unit - n
	case 1:
		off = 0
	}
	return off * unit, n * unit
}

// Pieces describes p by vectors of odd lengths.
func Pieces(r *rand.Rand, p []byte) []unix.Iovec {
	var iov []unix.Iovec
	for len(p) > 0 {
		n := len(p)
		if r.IntN(3) > 0 {
			n = 1 + r.IntN(len(p))
		}
		iov = vectors.Of(iov, p[:n])
		p = p[n:]
	}
	return iov
}

// Step does one random thing to the disk and the model, and returns what it was
// where the two differ or the disk fails.
func (m *Model) Step(d Disk) error {
	off, n := m.span()
	if d.Size() != int64(len(m.Bytes)) {
		return fmt.Errorf("size %d, want %d", d.Size(), len(m.Bytes))
	}
	switch k := m.Rand.IntN(100); {
	case k < 40:
		p := make([]byte, n)
		for i := range p {
			p[i] = byte(m.Rand.Uint32())
		}
		copy(m.Bytes[off:], p)
		return where("write", off, n, d.Writev(Pieces(m.Rand, p), off))
	case k < 70:
		return where("read", off, n, m.compare(d, off, n))
	case k < 80:
		mayUnmap := m.Rand.IntN(2) == 0
		clear(m.Bytes[off : off+n])
		return where(fmt.Sprintf("write zeroes (unmap %v)", mayUnmap), off, n, d.WriteZeroes(off, n, mayUnmap))
	case k < 90:
		return where("discard", off, n, m.discard(d, off, n))
	case k < 96:
		return where("flush", 0, 0, d.Flush())
	case m.MaxSize > 0:
		return m.resize(d)
	}
	return nil
}

func where(what string, off, n int64, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s of %d bytes at %d: %w", what, n, off, err)
}

// Compare reads all of the disk.
func (m *Model) Compare(d Disk) error { return m.compare(d, 0, int64(len(m.Bytes))) }

func (m *Model) compare(d Disk, off, n int64) error {
	got := bytes.Repeat([]byte{0xa5}, int(n))
	if err := d.Readv(Pieces(m.Rand, got), off); err != nil {
		return err
	}
	if want := m.Bytes[off : off+n]; !bytes.Equal(got, want) {
		i := 0
		for got[i] == want[i] {
			i++
		}
		return fmt.Errorf("byte %d is %#x, want %#x", off+int64(i), got[i], want[i])
	}
	return nil
}

// discard lets each sector be as it was, or zero.
func (m *Model) discard(d Disk, off, n int64) error {
	if err := d.Discard(off, n); err != nil {
		return err
	}
	got := make([]byte, n)
	if err := d.Readv(Pieces(m.Rand, got), off); err != nil {
		return err
	}
	for i, b := range got {
		if b != 0 && b != m.Bytes[off+int64(i)] {
			return fmt.Errorf("byte %d is %#x, neither 0 nor %#x as before", off+int64(i), b, m.Bytes[off+int64(i)])
		}
	}
	copy(m.Bytes[off:], got)
	return nil
}

func (m *Model) resize(d Disk) error {
	size := int64(len(m.Bytes))
	low := size
	if m.Shrinks {
		low = max(size/2&^511, 512)
	}
	if low >= m.MaxSize {
		return nil
	}
	size = low + 512*m.Rand.Int64N(min((m.MaxSize-low)/512, 1<<12)+1)
	if err := d.Resize(size); err != nil {
		return where("resize", 0, size, err)
	}
	grown := make([]byte, size)
	copy(grown, m.Bytes)
	m.Bytes = grown
	return nil
}
