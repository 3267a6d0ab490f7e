package httpapi

import (
	"context"
	"net/http"
	"reflect"
)

// route is an entry of the table.
type route struct {
	method, path string // as in http.ServeMux
	summary      string
	query, body  reflect.Type // structs; nil for none
	bodyMost     int64        // bytes
	media        string       // of a body that is streamed
	headers      []header
	answers      []answer
	lasts        bool // holds one of the server's streams, and ends with the server
	serve        func(*Server, *route, http.ResponseWriter, *http.Request) error
}

// answer is what a route may say where nothing goes wrong.
type answer struct {
	status int
	media  string       // empty for no body
	typ    reflect.Type // of the body, of each line or of each event's data; nil for none
	what   string
}

// header is a field of a request's header that a route reads.
type header struct {
	name, what string
	required   bool
}

// none stands for a query, a body or an answer that is not there.
type none struct{}

// call is a request as a handler sees it.
type call[Q, B any] struct {
	*http.Request
	ref      string // of the instance in the path
	snapshot string // its name in the path
	query    Q
	body     B
}

func (c *call[Q, B]) ctx() context.Context { return c.Context() }

func typeOrNil[T any]() reflect.Type {
	if t := reflect.TypeFor[T](); t != reflect.TypeFor[none]() {
		return t
	}
	return nil
}

// decode makes a call of a request.
func decode[Q, B any](s *Server, e *route, w http.ResponseWriter, r *http.Request) (*call[Q, B], error) {
	c := &call[Q, B]{Request: r, ref: r.PathValue("ref"), snapshot: r.PathValue("snapshot")}
	if err := decodeQuery(r.URL.RawQuery, reflect.ValueOf(&c.query).Elem()); err != nil {
		return nil, err
	}
	switch {
	case e.media != "":
		return c, checkMedia(r, e.media)
	case e.body == nil:
		return c, noBody(r)
	case r.ContentLength != 0:
		if err := checkMedia(r, mediaJSON); err != nil {
			return nil, err
		}
	}
	done, err := s.takeTurn(r, e.bodyMost)
	if err != nil {
		return nil, err
	}
	defer done()
	b, err := s.readBody(w, r, e.bodyMost)
	if err != nil {
		return nil, err
	}
	return c, s.schemas.decodeBody(b, s.bodies[e.body], &c.body)
}

func newRoute[Q, B any](method, path, summary string) route {
	return route{
		method: method, path: path, summary: summary,
		query: typeOrNil[Q](), body: typeOrNil[B](), bodyMost: maxBody,
	}
}

// unary is a route that answers once, with JSON or, for none, with 204.
func unary[Q, B, A any](method, path, summary string, do func(*Server, *call[Q, B]) (A, error)) route {
	e := newRoute[Q, B](method, path, summary)
	e.answers = []answer{{status: http.StatusOK, media: mediaJSON, typ: typeOrNil[A]()}}
	if e.answers[0].typ == nil {
		e.answers[0] = answer{status: http.StatusNoContent}
	}
	e.serve = func(s *Server, e *route, w http.ResponseWriter, r *http.Request) error {
		c, err := decode[Q, B](s, e, w, r)
		if err != nil {
			return err
		}
		said, err := do(s, c)
		if err != nil {
			return err
		}
		if e.answers[0].typ == nil {
			extendWrite(w, answerTime)
			w.WriteHeader(e.answers[0].status)
			return nil
		}
		writeJSON(w, e.answers[0].status, said)
		return nil
	}
	return e
}

// streaming is a route whose handler writes the answer itself. Its error is
// answered where nothing has been written yet.
func streaming[Q, B any](method, path, summary string, answers []answer, do func(*Server, http.ResponseWriter, *call[Q, B]) error) route {
	e := newRoute[Q, B](method, path, summary)
	e.answers, e.lasts = answers, true
	e.serve = func(s *Server, e *route, w http.ResponseWriter, r *http.Request) error {
		c, err := decode[Q, B](s, e, w, r)
		if err != nil {
			return err
		}
		return do(s, w, c)
	}
	return e
}

func (e route) status(status int) route {
	e.answers[0].status = status
	return e
}

func (e route) atMost(bytes int64) route {
	e.bodyMost = bytes
	return e
}

func (e route) lasting() route {
	e.lasts = true
	return e
}

func (e route) takes(media string) route {
	e.media = media
	return e
}

func (e route) reads(name, what string) route {
	e.headers = append(e.headers, header{name, what, false})
	return e
}

func (e route) upgrading() route {
	e.headers = append(e.headers, header{"Connection", "Upgrade", true}, header{"Upgrade", upgradeName, true})
	return e
}
