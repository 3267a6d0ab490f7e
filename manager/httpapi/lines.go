package httpapi

import (
	"net/http"
	"time"

	"github.com/hullvm/hull/manager"
	"github.com/hullvm/hull/manager/logs"
)

// LogLine is a line of the answer to logs. Exactly one of Log, Bytes, Warning and
// Error is there.
type LogLine struct {
	Time    *time.Time  `json:"time,omitempty"`
	Stream  logs.Stream `json:"stream,omitempty"`
	Log     *string     `json:"log,omitempty" doc:"text, with the line's end where it has one"`
	Bytes   *[]byte     `json:"bytes,omitempty" doc:"what is no UTF-8"`
	Warning *Failure    `json:"warning,omitempty" doc:"something of the log could not be read, and the rest follows"`
	Error   *Failure    `json:"error,omitempty" doc:"the answer ends here, and not for lack of records"`
}

// StatsLine is a line of the answer to stats: a measurement, or an error alone.
type StatsLine struct {
	*manager.Stats
	Error *Failure `json:"error,omitempty"`
}

// lines writes a JSON value a line, each at once.
type lines struct {
	w    http.ResponseWriter
	time time.Duration // the client may take for one
}

func (s *Server) lines(w http.ResponseWriter, media string) *lines {
	w.Header().Set("Content-Type", media)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(http.StatusOK)
	return &lines{w: w, time: s.o.StallTime}
}

func (l *lines) write(v any) error {
	b, err := encodeLine(v)
	if err != nil {
		return err
	}
	return l.raw(b)
}

func (l *lines) raw(b []byte) error {
	extendWrite(l.w, l.time)
	if _, err := l.w.Write(b); err != nil {
		return err
	}
	return l.flush()
}

func (l *lines) flush() error { return http.NewResponseController(l.w).Flush() }
