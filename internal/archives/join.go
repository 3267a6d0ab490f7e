package archives

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"sort"
	"strings"
)

const (
	// align is where an archive may start, in bytes: the kernel looks for one at
	// no other place, and passes over the zeroes before it.
	align = 4

	// MaxParts is how many archives an initrd may have.
	MaxParts = 16
)

// Part is one archive.
type Part struct {
	Data io.ReaderAt
	Size int64 // bytes
}

// Joined is several archives as one file. It does not own them, and may be read
// by several goroutines at once where they may.
type Joined struct {
	parts  []Part
	starts []int64 // of each, ascending
	size   int64
}

// Join joins parts. There is no padding behind the last, so that one alone is
// read as it is.
func Join(parts ...Part) (*Joined, error) {
	if len(parts) == 0 || len(parts) > MaxParts {
		return nil, fmt.Errorf("%d archives: want 1 to %d", len(parts), MaxParts)
	}
	j := new(Joined)
	for i, p := range parts {
		start := (j.size + align - 1) &^ (align - 1)
		if p.Size < 0 || p.Size > math.MaxInt64-align-start {
			return nil, fmt.Errorf("archive %d: %d bytes behind %d: no such size", i, p.Size, start)
		}
		j.parts, j.starts, j.size = append(j.parts, p), append(j.starts, start), start+p.Size
	}
	return j, nil
}

// JoinFiles joins open files, of the sizes that they have now, and says what they
// are called together.
func JoinFiles(files ...*os.File) (*Joined, string, error) {
	var parts []Part
	var names []string
	for _, f := range files {
		info, err := f.Stat()
		if err == nil && !info.Mode().IsRegular() {
			err = errors.New("not a regular file")
		}
		if err != nil {
			return nil, "", fmt.Errorf("archive %q: %w", f.Name(), err)
		}
		parts, names = append(parts, Part{f, info.Size()}), append(names, f.Name())
	}
	j, err := Join(parts...)
	return j, strings.Join(names, " + "), err
}

// Size is how many bytes there are, with the padding between archives.
func (j *Joined) Size() int64 { return j.size }

// ReadAt reads what is at off, as [io.ReaderAt] wants it. An archive that is
// shorter than it was said to be is [io.ErrUnexpectedEOF].
func (j *Joined) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, fmt.Errorf("read at %d: before the start", off)
	}
	for n < len(p) {
		at := off + int64(n)
		if at >= j.size || at < 0 {
			return n, io.EOF
		}
		// The last archive that starts at or before this byte.
		i := sort.Search(len(j.starts), func(i int) bool { return j.starts[i] > at }) - 1
		part, in := j.parts[i], at-j.starts[i]
		if in >= part.Size {
			padding := int(min(int64(len(p)-n), j.starts[i+1]-at)) // the last has none
			clear(p[n : n+padding])
			n += padding
			continue
		}
		want := p[n : n+int(min(int64(len(p)-n), part.Size-in))]
		got, err := part.Data.ReadAt(want, in)
		n += got
		switch {
		case got == len(want):
		case err == nil || errors.Is(err, io.EOF):
			return n, io.ErrUnexpectedEOF
		default:
			return n, err
		}
	}
	return n, nil
}
