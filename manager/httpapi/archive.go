package httpapi

import (
	"net/http"
	"strings"
)

// ArchiveQuery names what is archived, or where an archive is unpacked.
type ArchiveQuery struct {
	Path string `query:"path" doc:"an absolute path of the guest"`
}

func (q *ArchiveQuery) check() error {
	if !strings.HasPrefix(q.Path, "/") || strings.ContainsRune(q.Path, 0) {
		return invalid("query parameter %q: %.80q is no absolute path of the guest", "path", q.Path)
	}
	return nil
}

func copyFrom(s *Server, w http.ResponseWriter, c *call[ArchiveQuery, none]) error {
	if err := c.query.check(); err != nil {
		return err
	}
	out := &archiveWriter{w: w, s: s}
	if err := s.engine.CopyFrom(c.ctx(), c.ref, c.query.Path, out); err != nil {
		if out.begun {
			// An archive that is not whole must not look as if it were.
			s.log.Warn("archive was cut off", "instance", c.ref, "path", c.query.Path, "cause", err)
			panic(http.ErrAbortHandler)
		}
		return err
	}
	out.begin()
	return nil
}

// archiveWriter begins the answer with the first byte: what fails before is said.
type archiveWriter struct {
	w     http.ResponseWriter
	s     *Server
	begun bool
}

func (a *archiveWriter) begin() {
	if !a.begun {
		a.begun = true
		a.w.Header().Set("Content-Type", mediaTar)
		a.w.Header().Set("Cache-Control", "no-store")
		a.w.WriteHeader(http.StatusOK)
	}
}

func (a *archiveWriter) Write(b []byte) (int, error) {
	extendWrite(a.w, a.s.o.StallTime)
	a.begin()
	return a.w.Write(b)
}

func copyTo(s *Server, w http.ResponseWriter, c *call[ArchiveQuery, none]) error {
	if err := c.query.check(); err != nil {
		return err
	}
	in := &patientReader{w: w, r: c.Body, time: s.o.StallTime}
	err := s.engine.CopyTo(c.ctx(), c.ref, c.query.Path, in)
	if in.err != nil {
		return in.err // an archive that was cut off may have looked whole to the guest
	}
	if err != nil {
		return err
	}
	extendWrite(w, answerTime)
	w.WriteHeader(http.StatusNoContent)
	return nil
}
