package follow

import (
	"fmt"
	"os"
)

// Repair takes a last line without its newline off a file that ends after size
// bytes, as a writer does that was cut off in it or finds that its forerunner
// was. It returns the size from then on. The file is open for reading and
// writing.
func Repair(f *os.File, size int64) (int64, error) {
	_, whole, err := lastLinesOf(&file{f: f, path: f.Name()}, size, 0)
	if err != nil || whole == size {
		return size, err
	}
	if err := f.Truncate(whole); err != nil {
		return size, fmt.Errorf("log %q: take back a line that was cut off: %w", f.Name(), err)
	}
	return whole, nil
}
