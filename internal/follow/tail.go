package follow

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// lastLines finds where the last n whole lines of files begin: in which file, and
// at what byte of it. It reads backwards, and no more than it has to.
func lastLines(files []*file, ends []int64, n int) (index int, offset int64, err error) {
	for i := len(files) - 1; i >= 0; i-- {
		found, at, err := lastLinesOf(files[i], ends[i], n)
		if err != nil {
			return 0, 0, err
		}
		if n -= found; n <= 0 {
			return i, at, nil
		}
	}
	return 0, 0, nil
}

// lastLinesOf finds where the last n whole lines of the first end bytes of a file
// begin, or how many fewer there are.
func lastLinesOf(f *file, end int64, n int) (found int, offset int64, err error) {
	buf := make([]byte, blockSize)
	newlines := 0
	last := int64(0) // behind the last newline
	for end > 0 {
		size := min(end, blockSize)
		end -= size
		got, err := f.f.ReadAt(buf[:size], end)
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, 0, fmt.Errorf("log %q: read at byte %d: %w", f.path, end, err)
		}
		for rest := buf[:got]; ; {
			i := bytes.LastIndexByte(rest, '\n')
			if i < 0 {
				break
			}
			if newlines == 0 {
				last = end + int64(i) + 1
			}
			if newlines == n { // the end of the line before
				return n, end + int64(i) + 1, nil
			}
			newlines++
			rest = rest[:i]
		}
	}
	if n == 0 {
		return 0, last, nil
	}
	return newlines, 0, nil
}
