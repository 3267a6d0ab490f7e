package follow

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

const (
	blockSize = 64 << 10
	// MaxLine is the longest line that is read, in bytes without its newline.
	MaxLine = 1 << 20
)

// Line is one line of a log. Text has no newline and is the reader's until the
// next one.
type Line struct {
	Path   string // of the file when it was opened
	Offset int64  // in bytes, where the line begins
	Text   []byte
}

// A BadLineError says that a line cannot be read; reading goes on after it.
type BadLineError struct {
	Path   string
	Offset int64 // in bytes, where the line begins
	Err    error
}

func (e *BadLineError) Error() string {
	return fmt.Sprintf("log %q: line at byte %d: %v", e.Path, e.Offset, e.Err)
}

func (e *BadLineError) Unwrap() error { return e.Err }

// What is wrong with lines.
var (
	errLong   = fmt.Errorf("longer than %d bytes", MaxLine)
	errCutOff = errors.New("cut off: the file ends in it")
	errShrank = errors.New("the file has become shorter than what was read of it; it is read from its start")
)

// lineReader takes whole lines off a file. A line without its end is not kept
// but read again, as its writer may take it back.
type lineReader struct {
	f      *file
	next   int64 // where the next line begins
	end    int64 // up to where the file is read; negative: to its end
	buf    []byte
	start  int  // of the next line in buf
	cut    bool // the last read found a line without its end
	inLong bool // within a line that is too long
}

// line returns the next whole line; io.EOF where there is none yet.
func (r *lineReader) line() (Line, error) {
	from := r.start
	for {
		if i := bytes.IndexByte(r.buf[from:], '\n'); i >= 0 {
			text := r.buf[r.start : from+i]
			l := Line{Path: r.f.path, Offset: r.next, Text: text}
			r.start = from + i + 1
			r.next += int64(len(text)) + 1
			if r.inLong { // the rest of it: said already
				r.inLong = false
				from = r.start
				continue
			}
			if len(text) > MaxLine {
				return Line{}, &BadLineError{l.Path, l.Offset, errLong}
			}
			return l, nil
		}
		if len(r.buf)-r.start > MaxLine {
			err := &BadLineError{r.f.path, r.next, errLong}
			said := r.inLong
			r.next += int64(len(r.buf) - r.start)
			r.buf, r.start, r.inLong = r.buf[:0], 0, true
			if !said {
				return Line{}, err
			}
		}
		from = len(r.buf)
		moved := r.start
		err := r.fill()
		from -= moved
		if errors.Is(err, io.EOF) {
			r.cut = len(r.buf) > 0 && !r.inLong // of one that is too long it is said already
			r.buf, r.start = r.buf[:0], 0
		}
		if err != nil {
			return Line{}, err
		}
	}
}

// fill moves what is left to the front of buf and reads more behind it.
func (r *lineReader) fill() error {
	n := copy(r.buf, r.buf[r.start:])
	r.buf, r.start = r.buf[:n], 0
	if cap(r.buf)-n < blockSize {
		grown := make([]byte, n, 2*cap(r.buf)+blockSize)
		copy(grown, r.buf)
		r.buf = grown
	}
	at := r.next + int64(n)
	room := int64(blockSize)
	if r.end >= 0 {
		room = min(room, r.end-at)
	}
	if room <= 0 {
		return io.EOF
	}
	got, err := r.f.f.ReadAt(r.buf[n:n+int(room)], at)
	r.buf = r.buf[:n+got]
	switch {
	case got > 0:
		return nil
	case err == nil || errors.Is(err, io.EOF):
		return r.shrunk()
	}
	return fmt.Errorf("log %q: read at byte %d: %w", r.f.path, at, err)
}

// shrunk finds out at the end of a file whether it was cut to less than what was
// read of it.
func (r *lineReader) shrunk() error {
	size, err := r.f.size()
	if err != nil {
		return err
	}
	if size >= r.next {
		return io.EOF
	}
	bad := &BadLineError{r.f.path, r.next, errShrank}
	r.next, r.buf, r.start, r.inLong = 0, r.buf[:0], 0, false
	if r.end >= 0 {
		r.end = min(r.end, size)
	}
	return bad
}
