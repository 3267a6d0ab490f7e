package logs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"
)

// Stream is which of its streams an instance wrote to.
type Stream string

// The streams of an instance.
const (
	Stdout Stream = "stdout"
	Stderr Stream = "stderr"
)

func (s Stream) valid() bool { return s == Stdout || s == Stderr }

// Record is a line that an instance wrote, or a part of one: Text ends with a
// newline where the line does.
type Record struct {
	Time   time.Time
	Stream Stream
	Text   []byte
}

// line is a record as it stands in the file. Exactly one of Log and Bytes is
// there.
type line struct {
	Log    *string   `json:"log,omitempty"`
	Bytes  *[]byte   `json:"bytes,omitempty"`
	Stream Stream    `json:"stream"`
	Time   time.Time `json:"time"`
}

// appendRecord appends a record's line, with its newline, to b.
func appendRecord(b []byte, r *Record) ([]byte, error) {
	l := line{Stream: r.Stream, Time: r.Time.UTC()}
	if utf8.Valid(r.Text) {
		text := string(r.Text)
		l.Log = &text
	} else {
		l.Bytes = &r.Text
	}
	out := bytes.NewBuffer(b)
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	if err := e.Encode(&l); err != nil {
		return b, err
	}
	return out.Bytes(), nil
}

// parseRecord is the record of a line without its newline.
func parseRecord(b []byte) (Record, error) {
	// The decoder would replace such bytes without a word.
	if !utf8.Valid(b) {
		return Record{}, errors.New("not UTF-8")
	}
	var l line
	if err := json.Unmarshal(b, &l); err != nil {
		return Record{}, fmt.Errorf("not a log's record: %w", err)
	}
	switch {
	case !l.Stream.valid():
		return Record{}, fmt.Errorf("not a log's record: stream %.20q", l.Stream)
	case l.Time.IsZero():
		return Record{}, errors.New("not a log's record: no time")
	case (l.Log == nil) == (l.Bytes == nil):
		return Record{}, errors.New(`not a log's record: either "log" or "bytes" has to be there`)
	}
	r := Record{Time: l.Time, Stream: l.Stream}
	if l.Log != nil {
		r.Text = []byte(*l.Log)
	} else {
		r.Text = *l.Bytes
	}
	return r, nil
}
