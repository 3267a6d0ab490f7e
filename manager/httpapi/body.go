package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"time"
	"unicode/utf8"
)

// Bounds of bodies, in bytes.
const (
	maxBody    = 1 << 20
	maxMachine = 16 << 20 // what has a machine file in it
)

// Media types.
const (
	mediaJSON   = "application/json"
	mediaLines  = "application/x-ndjson"
	mediaEvents = "text/event-stream"
	mediaTar    = "application/x-tar"
	mediaText   = "text/plain; version=0.0.4; charset=utf-8"
)

// checkMedia refuses a body of another type. Tar archives may come without one.
func checkMedia(r *http.Request, want string) error {
	given := r.Header.Get("Content-Type")
	if given == "" && want == mediaTar {
		return nil
	}
	if got, _, err := mime.ParseMediaType(given); err != nil || got != want {
		return refused(kindMedia, "request body: its Content-Type is %.80q, and has to be %s", given, want)
	}
	return nil
}

// noBody refuses a body.
func noBody(r *http.Request) error {
	if r.ContentLength == 0 || r.Body == nil {
		return nil
	}
	var b [1]byte
	if n, err := io.ReadFull(r.Body, b[:]); n == 0 && errors.Is(err, io.EOF) {
		return nil
	}
	return invalid("request body: the route takes none")
}

// takeTurn waits until a body may be in memory: large ones take turns. The turn
// ends with the returned function.
func (s *Server) takeTurn(r *http.Request, most int64) (func(), error) {
	if most <= maxBody || r.ContentLength >= 0 && r.ContentLength <= maxBody {
		return func() {}, nil
	}
	select {
	case s.large <- struct{}{}:
		return func() { <-s.large }, nil
	case <-r.Context().Done():
		return nil, context.Cause(r.Context())
	}
}

// readBody reads the whole of a body.
func (s *Server) readBody(w http.ResponseWriter, r *http.Request, most int64) ([]byte, error) {
	if r.ContentLength > most {
		return nil, tooLarge(most)
	}
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	var large *http.MaxBytesError
	switch {
	case err == nil:
		extendRead(w, 0) // the client is listened to for as long as it is answered
		return b, nil
	case errors.As(err, &large):
		return nil, tooLarge(most)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, refused(kindTooSlow, "request body: it did not come within %v", s.o.BodyTime)
	default:
		return nil, invalid("request body: %w", err)
	}
}

func tooLarge(most int64) error {
	return refused(kindTooLarge, "request body: it has more than %d bytes", most)
}

// decodeBody reads JSON into a value: exactly what its schema says.
func (s *schemas) decodeBody(b []byte, c *schema, into any) error {
	if len(bytes.TrimSpace(b)) == 0 {
		b = []byte("{}") // what is missing in it is named below
	}
	if !utf8.Valid(b) {
		return invalid("request body: it is not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return invalid("request body: JSON: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return invalid("request body: JSON: something follows the object")
	}
	if _, ok := v.(map[string]any); !ok {
		return invalid("request body: it is %s, and has to be an object", a(kindOf(v)))
	}
	if err := s.check("", c, v); err != nil {
		return invalid("request body: field %w", err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		return invalid("request body: %w", err)
	}
	return nil
}

// extendRead gives the client time to send; 0 is for ever. A recorder of a test
// has no connection.
func extendRead(w http.ResponseWriter, d time.Duration) {
	_ = http.NewResponseController(w).SetReadDeadline(deadline(d))
}

// extendWrite gives the client time to take what is written.
func extendWrite(w http.ResponseWriter, d time.Duration) {
	_ = http.NewResponseController(w).SetWriteDeadline(deadline(d))
}

func deadline(d time.Duration) time.Time {
	if d == 0 {
		return time.Time{}
	}
	return time.Now().Add(d)
}

// patientReader reads an archive whose sender may not pause for long.
type patientReader struct {
	w    http.ResponseWriter
	r    io.Reader
	time time.Duration
	err  error // that the archive ended with too early
}

func (p *patientReader) Read(b []byte) (int, error) {
	extendRead(p.w, p.time)
	n, err := p.r.Read(b)
	if errors.Is(err, io.EOF) {
		extendRead(p.w, 0) // the client is listened to until the guest is done
	}
	switch {
	case err == nil || errors.Is(err, io.EOF):
		return n, err
	case errors.Is(err, os.ErrDeadlineExceeded):
		p.err = refused(kindTooSlow, "request body: nothing came for %v", p.time)
	default:
		p.err = invalid("request body: %w", err)
	}
	return n, p.err
}
