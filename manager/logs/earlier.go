package logs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/hullvm/hull/internal/durable"
	"github.com/hullvm/hull/internal/follow"
)

// EarlierName is the name, in a log's directory, of a file of lines from before the
// log, while it is not all there.
const EarlierName = "log.earlier"

// TakeEarlier makes the file EarlierName the oldest of the log. One that the log has
// grown too long for meanwhile is removed, as it would have been by now.
func (w *Writer) TakeEarlier() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	dir := filepath.Dir(w.path)
	earlier := filepath.Join(dir, EarlierName)
	for n := 1; n < w.limits.MaxFiles; n++ {
		older := follow.Rotated(w.path, n)
		if _, err := os.Lstat(older); !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := os.Rename(earlier, older); err != nil {
			return fmt.Errorf("log %q: %w", w.path, err)
		}
		return durable.SyncDir(dir)
	}
	return os.Remove(earlier)
}

// Copy gives the lines of the log in a directory, the oldest first, as they are in its
// files. A line that cannot be read is left out.
func Copy(ctx context.Context, dir string, line func([]byte) error) error {
	var buf []byte
	for l, err := range follow.Lines(ctx, filepath.Join(dir, fileName), follow.Options{Tail: -1}) {
		switch {
		case err == nil:
		case GoesOn(err):
			continue
		default:
			return err
		}
		buf = append(append(buf[:0], l.Text...), '\n')
		if err := line(buf); err != nil {
			return err
		}
	}
	return nil
}
