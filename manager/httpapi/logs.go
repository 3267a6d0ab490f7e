package httpapi

import (
	"net/http"
	"unicode/utf8"

	"github.com/hullvm/hull/manager"
	"github.com/hullvm/hull/manager/logs"
)

// LogQuery says what to read of a log.
type LogQuery struct {
	Follow     bool    `query:"follow" doc:"go on until the instance has ended for good"`
	Since      *Moment `query:"since"`
	Until      *Moment `query:"until"`
	Tail       *uint32 `query:"tail" doc:"the last so many records; all where it is missing"`
	Timestamps *bool   `query:"timestamps" doc:"false leaves the times out"`
}

func (q *LogQuery) options() manager.LogOptions {
	o := manager.LogOptions{Follow: q.Follow, Tail: -1}
	if q.Since != nil {
		o.Since = q.Since.Time
	}
	if q.Until != nil {
		o.Until = q.Until.Time
	}
	if q.Tail != nil {
		o.Tail = int(*q.Tail)
	}
	return o
}

func (q *LogQuery) line(r logs.Record) LogLine {
	l := LogLine{Stream: r.Stream}
	if q.Timestamps == nil || *q.Timestamps {
		l.Time = &r.Time
	}
	if utf8.Valid(r.Text) {
		l.Log = new(string(r.Text))
	} else {
		l.Bytes = &r.Text
	}
	return l
}

func readLogs(s *Server, w http.ResponseWriter, c *call[LogQuery, none]) error {
	records, err := s.engine.Logs(c.ctx(), c.ref, c.query.options())
	if err != nil {
		return err
	}
	out := s.lines(w, mediaLines)
	if err := out.flush(); err != nil {
		return nil // the client is gone
	}
	for r, err := range records {
		line := c.query.line(r)
		if err != nil {
			f := failureOf(c.ctx(), err)
			line = LogLine{Error: &f}
			if logs.GoesOn(err) {
				line = LogLine{Warning: &f}
			}
		}
		if out.write(line) != nil {
			return nil
		}
	}
	return nil
}
