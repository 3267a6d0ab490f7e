package httpapi

import (
	"bufio"
	"context"
	"errors"
	"maps"
	"net"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/hullvm/hull/manager/instance"
)

// mux leads paths to routes.
func (s *Server) mux() http.Handler {
	paths := make(map[string]map[string]*route)
	for i := range s.routes {
		e := &s.routes[i]
		if paths[e.path] == nil {
			paths[e.path] = make(map[string]*route)
		}
		paths[e.path][e.method] = e
	}
	m := http.NewServeMux()
	for path, methods := range paths {
		m.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) { s.dispatch(methods, w, r) })
	}
	m.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fail(w, r, refused(kindNoRoute, "path %.200q: nothing is there; /openapi.json says what there is", r.URL.Path))
	})
	return m
}

// dispatch serves a path.
func (s *Server) dispatch(methods map[string]*route, w http.ResponseWriter, r *http.Request) {
	e := methods[r.Method]
	if e == nil && r.Method == http.MethodHead && methods[http.MethodGet] != nil && !methods[http.MethodGet].lasts {
		e = methods[http.MethodGet]
	}
	if e == nil {
		allowed := strings.Join(slices.Sorted(maps.Keys(methods)), ", ")
		w.Header().Set("Allow", allowed)
		fail(w, r, refused(kindBadMethod, "method %.20q: the path has %s", r.Method, allowed))
		return
	}
	named(w, e)
	err := s.serve(e, w, r)
	kind := instance.KindOf(err)
	switch {
	case err == nil || hasBegun(w):
	case gone(r.Context()) && kind != kindTooSlow: // which net/http takes for gone, too
		panic(http.ErrAbortHandler) // or an answer would be made up
	default:
		if statusOf(kind) == http.StatusInternalServerError {
			s.log.Error("request", "method", e.method, "path", r.URL.Path, "cause", err)
		}
		fail(w, r, err)
	}
}

// serve has a route answer. One that lasts takes a place, and ends with the server.
func (s *Server) serve(e *route, w http.ResponseWriter, r *http.Request) error {
	if !e.lasts {
		return e.serve(s, e, w, r)
	}
	select {
	case s.streams <- struct{}{}:
		defer func() { <-s.streams }()
	default:
		return refused(kindTooMany, "%d requests that last are being served, which is as many as there may be", s.o.MaxStreams)
	}
	s.running.Add(1)
	defer s.running.Done()
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	defer context.AfterFunc(s.ending, func() { cancel(errEnding) })()
	err := e.serve(s, e, w, r.WithContext(ctx))
	if err != nil && errors.Is(context.Cause(ctx), errEnding) {
		return errEnding
	}
	return err
}

// guard stands before every route: it lets nobody in who was not admitted, turns a
// panic into an answer, and counts.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(inner http.ResponseWriter, r *http.Request) {
		w := &recorder{ResponseWriter: inner}
		began := time.Now()
		defer func() {
			problem := recover()
			if problem != nil && problem != any(http.ErrAbortHandler) {
				s.log.Error("panic", "method", r.Method, "path", r.URL.Path, "cause", problem, "stack", string(debug.Stack()))
				if w.status == 0 {
					fail(w, r, refused(instance.KindFailed, "the server has a mistake, and its log has the details"))
					problem = nil
				}
			}
			s.requests.observe(w, time.Since(began))
			s.log.Debug("request", "method", r.Method, "path", r.URL.Path, "status", w.code(), "took", time.Since(began))
			if problem != nil {
				panic(http.ErrAbortHandler) // what was written is not whole
			}
		}()
		extendWrite(w, 0) // that of the connection's last answer has passed
		if r.ContentLength != 0 {
			// Also what a route does not read: the rest of it is read after the answer.
			extendRead(w, s.o.BodyTime)
		}
		if err := admitted(r); err != nil {
			fail(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// survive is deferred by goroutines of a request: what ends one must not end the
// server.
func (s *Server) survive(what string) {
	if problem := recover(); problem != nil {
		s.log.Error("panic", "in", what, "cause", problem, "stack", string(debug.Stack()))
	}
}

// recorder knows what was answered.
type recorder struct {
	http.ResponseWriter
	status int // 0: nothing yet
	route  *route
}

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap leads http.ResponseController to what is recorded.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Hijack takes the connection.
func (w *recorder) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err == nil {
		w.status = http.StatusSwitchingProtocols
	}
	return conn, rw, err
}

// statusClientGone is what is counted where nobody is there to be answered.
const statusClientGone = 499

func (w *recorder) code() int {
	if w.status == 0 {
		return statusClientGone
	}
	return w.status
}

func named(w http.ResponseWriter, e *route) {
	if rec, ok := w.(*recorder); ok {
		rec.route = e
	}
}

func hasBegun(w http.ResponseWriter) bool {
	rec, ok := w.(*recorder)
	return ok && rec.status != 0
}
