package logs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/hullvm/hull/internal/follow"
	"github.com/hullvm/hull/internal/lockfile"
)

const (
	fileName = "log.jsonl"
	lockName = "log.lock"

	defaultMaxSize  = 10 << 20
	defaultMaxFiles = 3
)

// Limits bound what a log takes on the disk. A zero field is its default. Of a
// log of one file, a follower is told of a gap whenever it begins anew.
type Limits struct {
	MaxSize  int64 // bytes of a file, one record more at most; 10 MiB
	MaxFiles int   // files, the current one included; 3
}

func (l Limits) withDefaults() (Limits, error) {
	if l.MaxSize < 0 || l.MaxFiles < 0 {
		return l, fmt.Errorf("limits of %d bytes and %d files: neither can be negative", l.MaxSize, l.MaxFiles)
	}
	if l.MaxSize == 0 {
		l.MaxSize = defaultMaxSize
	}
	if l.MaxFiles == 0 {
		l.MaxFiles = defaultMaxFiles
	}
	return l, nil
}

// output is the file that a Writer appends to.
type output interface {
	Write([]byte) (int, error)
	Truncate(size int64) error
	Close() error
}

// Writer appends to a log. There is one at a time, whose methods may be used from
// any goroutine.
type Writer struct {
	path   string
	limits Limits
	lock   *lockfile.Lock
	rotate func(path string, files int) (output, error)
	now    func() time.Time

	mu      sync.Mutex
	file    output
	size    int64 // of file, as far as it is lines
	torn    bool  // file goes on behind size
	buf     []byte
	lost    int64 // bytes of text, since err
	err     error // why the log is not written at present
	onError func(error)
	streams []*streamWriter
	closed  bool
}

// OpenWriter opens the log in a directory for appending, and makes it where there
// is none. A last line that a writer before this one was cut off in is removed.
// A log that has a writer already is an error.
func OpenWriter(dir string, limits Limits) (*Writer, error) {
	limits, err := limits.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("log %q: %w", dir, err)
	}
	lock, err := lockfile.Try(filepath.Join(dir, lockName))
	if err != nil {
		return nil, fmt.Errorf("log %q: %w", dir, err)
	}
	path := filepath.Join(dir, fileName)
	if err := follow.Prune(path, limits.MaxFiles); err != nil {
		return nil, errors.Join(err, lock.Release())
	}
	f, size, err := openAppend(path)
	if err != nil {
		return nil, errors.Join(err, lock.Release())
	}
	return &Writer{
		path: path, limits: limits, lock: lock, file: f, size: size, now: time.Now,
		rotate: func(path string, files int) (output, error) {
			f, err := follow.Rotate(path, files)
			if err != nil {
				return nil, err // and not an output that holds nil
			}
			return f, nil
		},
	}, nil
}

func openAppend(path string) (*os.File, int64, error) {
	f, err := follow.Create(path)
	if err != nil {
		return nil, 0, fmt.Errorf("log %q: open: %w", path, err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("not a regular file")
	}
	if err != nil {
		return nil, 0, errors.Join(fmt.Errorf("log %q: open: %w", path, err), f.Close())
	}
	size, err := follow.Repair(f, info.Size())
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, size, nil
}

// OnError sets a function that is told once when the log can no longer be
// written. It must not call the Writer.
func (w *Writer) OnError(f func(error)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.onError = f
}

// Err says why the log is not written at present, which an instance does not
// notice; nil where it is.
func (w *Writer) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// Close writes what has no end of line yet, and closes the log and its streams.
// Closing twice does nothing more.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil
	}
	for _, s := range w.streams {
		s.closeLocked()
	}
	if w.lost > 0 {
		w.flush(nil, 0)
	}
	w.closed = true
	err := w.err
	return errors.Join(err, w.file.Close(), w.lock.Release())
}

// appendLocked puts records into the file. They are lost where that fails. mu is
// held.
func (w *Writer) appendLocked(records []Record) {
	w.buf = w.buf[:0]
	text := int64(0) // bytes of the records in buf
	for i := range records {
		start := len(w.buf)
		next, err := appendRecord(w.buf, &records[i])
		if err != nil { // a clock beyond the year 9999
			w.fail(fmt.Errorf("log %q: %w", w.path, err), int64(len(records[i].Text)))
			continue
		}
		w.buf = next
		if start > 0 && w.size+int64(len(w.buf)) > w.limits.MaxSize {
			w.flush(w.buf[:start], text)
			w.buf, text = append(w.buf[:0], w.buf[start:]...), 0
		}
		text += int64(len(records[i].Text))
	}
	if len(w.buf) > 0 {
		w.flush(w.buf, text)
	}
}

// flush writes lines, in which there are so many bytes of text, with one
// write(2).
func (w *Writer) flush(lines []byte, text int64) {
	if w.lost > 0 {
		lines = append(w.loss(), lines...)
	}
	if err := w.write(lines); err != nil {
		w.fail(err, text)
		return
	}
	w.err, w.lost = nil, 0
}

// loss is the line that says what is missing before it; none where the clock is
// too wrong for one.
func (w *Writer) loss() []byte {
	remark := fmt.Sprintf("hull: %d bytes of output are missing here: %v\n", w.lost, w.err)
	b, err := appendRecord(nil, &Record{Time: w.now(), Stream: Stderr, Text: []byte(remark)})
	if err != nil {
		return nil
	}
	return b
}

// write appends lines to the file, or to a new one where it is full.
func (w *Writer) write(lines []byte) error {
	if w.torn {
		if err := w.file.Truncate(w.size); err != nil {
			return fmt.Errorf("log %q: take back a line that was cut off: %w", w.path, cause(err))
		}
		w.torn = false
	}
	if w.size > 0 && w.size+int64(len(lines)) > w.limits.MaxSize {
		f, err := w.rotate(w.path, w.limits.MaxFiles)
		if err != nil {
			return err
		}
		_ = w.file.Close() // every write through it was answered
		w.file, w.size = f, 0
	}
	n, err := w.file.Write(lines)
	if err == nil {
		w.size += int64(len(lines))
		return nil
	}
	// A part of a line would spoil the next one. At worst that is tried again.
	w.torn = n > 0 && w.file.Truncate(w.size) != nil
	return fmt.Errorf("log %q: write: %w", w.path, cause(err))
}

// fail counts what is lost, and tells of the first of a row of failures.
func (w *Writer) fail(err error, lost int64) {
	w.lost += lost
	if w.err != nil {
		return
	}
	w.err = err
	if w.onError != nil {
		w.onError(err)
	}
}

// cause is an error without the name that its file had once.
func cause(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}
