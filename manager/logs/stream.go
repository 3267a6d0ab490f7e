package logs

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
	"time"
	"unicode/utf8"
)

const (
	// maxText is the longest text of a record, in bytes; a longer line becomes
	// several.
	maxText = 16 << 10
	// partialDelay is how long the beginning of a line waits for more of it.
	partialDelay = 100 * time.Millisecond
)

// streamWriter makes records of what is written to it.
type streamWriter struct {
	w      *Writer
	stream Stream

	// Under the Writer's mutex.
	partial []byte      // a line without its end, shorter than maxText
	timer   *time.Timer // runs while there is a partial; nil before the first
	waits   uint64      // counts the timer's starts, so that a late one is known
	closed  bool
}

// Stream is one stream of the instance. It splits what is written to it into
// lines; a line without its end is written to the log when nothing has followed
// for 100 ms. A Write fails on a closed stream only: what cannot be logged is
// lost, and the instance goes on.
func (w *Writer) Stream(stream Stream) io.WriteCloser {
	s := &streamWriter{w: w, stream: stream}
	w.mu.Lock()
	defer w.mu.Unlock()
	if s.closed = w.closed; !s.closed {
		w.streams = append(w.streams, s)
	}
	return s
}

func (s *streamWriter) Write(p []byte) (int, error) {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	if s.closed {
		return 0, fmt.Errorf("log %q: %s: %w", s.w.path, s.stream, os.ErrClosed)
	}
	if len(p) == 0 {
		return 0, nil
	}
	s.waits++ // whatever a timer waits for has come
	s.partial = append(s.partial, p...)
	text := s.partial
	now := s.w.now()
	var records []Record
	for {
		n := recordLength(text)
		if n == 0 {
			break
		}
		records = append(records, Record{now, s.stream, text[:n]})
		text = text[n:]
	}
	if len(records) > 0 {
		s.w.appendLocked(records)
	}
	s.keep(text)
	s.wait()
	return len(p), nil
}

// keep makes text, the end of partial, all of it.
func (s *streamWriter) keep(text []byte) {
	switch {
	case len(text) == 0:
		s.partial = nil // an idle stream holds no buffer
	case len(text) < len(s.partial):
		s.partial = append(make([]byte, 0, maxText), text...)
	}
}

// recordLength is how much of text is the next record: a line, or as much of a
// long one as fits; 0 where more has to come.
func recordLength(text []byte) int {
	if i := bytes.IndexByte(text[:min(len(text), maxText)], '\n'); i >= 0 {
		return i + 1
	}
	if len(text) < maxText {
		return 0
	}
	// A character that is cut in two would make both halves no UTF-8.
	for n := maxText; n > maxText-utf8.UTFMax; n-- {
		if n == len(text) && utf8.FullRune(text[lastRune(text[:n]):n]) || n < len(text) && utf8.RuneStart(text[n]) {
			return n
		}
	}
	return maxText
}

// lastRune is where the last character of b begins, as far as that can be told.
func lastRune(b []byte) int {
	for n := len(b) - 1; n >= 0 && n > len(b)-utf8.UTFMax; n-- {
		if utf8.RuneStart(b[n]) {
			return n
		}
	}
	return len(b) - 1
}

// wait starts the timer where there is something to wait with. An idle stream
// has none.
func (s *streamWriter) wait() {
	if len(s.partial) == 0 {
		if s.timer != nil {
			s.timer.Stop()
		}
		return
	}
	waits := s.waits
	if s.timer != nil {
		s.timer.Stop()
	}
	s.timer = time.AfterFunc(partialDelay, func() {
		s.w.mu.Lock()
		defer s.w.mu.Unlock()
		if s.waits == waits && !s.closed {
			s.flushLocked()
		}
	})
}

// flushLocked writes a line without its end to the log.
func (s *streamWriter) flushLocked() {
	if len(s.partial) > 0 {
		s.w.appendLocked([]Record{{s.w.now(), s.stream, s.partial}})
		s.partial = nil
	}
}

func (s *streamWriter) closeLocked() {
	if s.closed {
		return
	}
	s.closed = true
	if s.timer != nil {
		s.timer.Stop()
	}
	s.flushLocked()
}

// Close writes what has no end of line yet. The log stays open.
func (s *streamWriter) Close() error {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	s.closeLocked()
	s.w.streams = slices.DeleteFunc(s.w.streams, func(o *streamWriter) bool { return o == s })
	return nil
}
