package httpapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hullvm/hull/manager"
)

// Options are a server's bounds. Zero values have defaults.
type Options struct {
	Version string       // of Hull
	Log     *slog.Logger // nil throws messages away

	MaxConns   int // connections that are open at once, 1024
	MaxStreams int // requests that last: logs, events, consoles, waits; 256

	HeaderTime time.Duration // for a request's header, 10 s
	BodyTime   time.Duration // for a request's body that is read whole, 1 min
	IdleTime   time.Duration // between two requests of a connection, 2 min
	StallTime  time.Duration // for a client to send or take the next piece of a stream, 2 min
	Heartbeat  time.Duration // between signs of life on a quiet stream, 15 s
	Grace      time.Duration // for requests to end when the server does, 10 s
}

// Bounds that nobody has to choose.
const (
	maxHeader  = 64 << 10         // bytes of a request's header
	largeTurns = 4                // large bodies that are in memory at once
	answerTime = 30 * time.Second // for a client to take an answer that is whole
)

func (o *Options) complete() {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	for _, n := range []struct {
		value *int
		usual int
	}{{&o.MaxConns, 1024}, {&o.MaxStreams, 256}} {
		if *n.value <= 0 {
			*n.value = n.usual
		}
	}
	for _, d := range []struct {
		value *time.Duration
		usual time.Duration
	}{
		{&o.HeaderTime, 10 * time.Second},
		{&o.BodyTime, time.Minute},
		{&o.IdleTime, 2 * time.Minute},
		{&o.StallTime, 2 * time.Minute},
		{&o.Heartbeat, 15 * time.Second},
		{&o.Grace, 10 * time.Second},
	} {
		if *d.value <= 0 {
			*d.value = d.usual
		}
	}
}

// Server serves an Engine. It is for one call of Serve.
type Server struct {
	engine manager.Engine
	o      Options
	log    *slog.Logger

	routes   []route
	schemas  *schemas
	bodies   map[reflect.Type]*schema
	document []byte
	handler  http.Handler

	registry *prometheus.Registry
	requests *requestMetrics

	large   chan struct{} // turns of large bodies
	streams chan struct{} // places of requests that last
	conns   atomic.Int64

	ending  context.Context // what lasts ends with it
	end     context.CancelCauseFunc
	running sync.WaitGroup // requests that last, also those whose connection is not the server's any more
}

// New makes a server.
func New(e manager.Engine, o Options) *Server {
	o.complete()
	s := &Server{
		engine: e, o: o, log: o.Log, routes: routes(),
		large: make(chan struct{}, largeTurns), streams: make(chan struct{}, o.MaxStreams),
	}
	s.ending, s.end = context.WithCancelCause(context.Background())
	s.describe(o.Version)
	s.registry, s.requests = newRegistry(e, o.Log)
	s.handler = s.guard(s.mux())
	return s
}

// Serve answers on the listeners until ctx ends or one of them fails. It closes
// them, lets requests that have begun come to their end for Options.Grace, and ends
// what lasts.
func (s *Server) Serve(ctx context.Context, listeners ...net.Listener) error {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true) // upgrades are of HTTP/1.1
	server := &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: s.o.HeaderTime,
		IdleTimeout:       s.o.IdleTime,
		MaxHeaderBytes:    maxHeader,
		ConnContext:       withConn,
		ConnState:         s.countConn,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		Protocols:         protocols,
		// Or whoever is not admitted would be answered.
		DisableGeneralOptionsHandler: true,
	}
	failed := make(chan error, len(listeners))
	var serving sync.WaitGroup
	for _, l := range listeners {
		serving.Go(func() {
			if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				failed <- fmt.Errorf("listener %q: %w", l.Addr(), err)
			}
		})
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	s.end(errEnding)
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.o.Grace)
	defer cancel()
	if e := server.Shutdown(grace); e != nil {
		s.log.Warn("requests were cut off", "after", s.o.Grace)
		_ = server.Close()
	}
	serving.Wait()
	return errors.Join(err, s.awaitStreams())
}

// awaitStreams waits for what lasts to have ended. It was told to.
func (s *Server) awaitStreams() error {
	ended := make(chan struct{})
	go func() {
		s.running.Wait()
		close(ended)
	}()
	most := s.o.Grace + lingerTime
	select {
	case <-ended:
		return nil
	case <-time.After(most):
		return fmt.Errorf("server: streams have not ended within %v", most)
	}
}

// countConn closes connections that are too many. One that was upgraded is counted
// among the streams.
func (s *Server) countConn(c net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		if s.conns.Add(1) > int64(s.o.MaxConns) {
			s.log.Warn("connection refused: as many as there may be are open", "connections", s.o.MaxConns)
			_ = c.Close()
		}
	case http.StateClosed, http.StateHijacked:
		s.conns.Add(-1)
	}
}
