package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/hullvm/hull/manager/instance"
)

// Kinds of failures that are HTTP's own.
const (
	kindNoRoute      instance.Kind = "no-route"           // nothing is at the path
	kindBadMethod    instance.Kind = "method-not-allowed" // the path has other methods
	kindForbidden    instance.Kind = "forbidden"          // the peer may not use the server
	kindTooLarge     instance.Kind = "too-large"          // the body
	kindMedia        instance.Kind = "unsupported-media"  // the body's type
	kindTooSlow      instance.Kind = "too-slow"           // the body did not come in time
	kindNoUpgrade    instance.Kind = "upgrade-required"   // the route is for upgraded connections
	kindTooMany      instance.Kind = "too-many-streams"   // as many as the server has
	kindShuttingDown instance.Kind = "shutting-down"      // the server ends
)

// statuses is what each kind of failure is in HTTP.
var statuses = map[instance.Kind]int{
	instance.KindInvalid:     http.StatusBadRequest,
	instance.KindNotFound:    http.StatusNotFound,
	instance.KindGone:        http.StatusGone,
	instance.KindAmbiguous:   http.StatusConflict,
	instance.KindNameTaken:   http.StatusConflict,
	instance.KindWrongState:  http.StatusConflict,
	instance.KindBusy:        http.StatusServiceUnavailable,
	instance.KindCorrupt:     http.StatusInternalServerError,
	instance.KindUnsupported: http.StatusNotImplemented,
	instance.KindFailed:      http.StatusInternalServerError,

	kindNoRoute:      http.StatusNotFound,
	kindBadMethod:    http.StatusMethodNotAllowed,
	kindForbidden:    http.StatusForbidden,
	kindTooLarge:     http.StatusRequestEntityTooLarge,
	kindMedia:        http.StatusUnsupportedMediaType,
	kindTooSlow:      http.StatusRequestTimeout,
	kindNoUpgrade:    http.StatusUpgradeRequired,
	kindTooMany:      http.StatusServiceUnavailable,
	kindShuttingDown: http.StatusServiceUnavailable,
}

// statusOf is the HTTP status of a kind; a kind of a later release is a failure.
func statusOf(k instance.Kind) int {
	if status, ok := statuses[k]; ok {
		return status
	}
	return http.StatusInternalServerError
}

// Failure is an error on the wire.
type Failure struct {
	Kind    instance.Kind `json:"kind"`
	Message string        `json:"message"`
}

// ErrorAnswer is what every failed request is answered with, and how a stream
// says that it cannot go on.
type ErrorAnswer struct {
	Error Failure `json:"error"`

	Instances []*instance.Description `json:"instances,omitempty" doc:"those that were made before it, and stay"`
}

// partlyDone is the failure to make all of several instances.
type partlyDone struct {
	err  error
	made []*instance.Description
}

func (p *partlyDone) Error() string { return p.err.Error() }

func (p *partlyDone) Unwrap() error { return p.err }

func refused(kind instance.Kind, format string, args ...any) error {
	return &instance.Error{Kind: kind, Err: fmt.Errorf(format, args...)}
}

func invalid(format string, args ...any) error {
	return refused(instance.KindInvalid, format, args...)
}

// failureOf is an error for the client. What was cut off because the server ends
// is said to be that.
func failureOf(ctx context.Context, err error) Failure {
	if cause := context.Cause(ctx); instance.KindOf(cause) == kindShuttingDown {
		err = cause
	}
	return Failure{Kind: instance.KindOf(err), Message: err.Error()}
}

// errEnding is the cause of what ends with the server.
var errEnding = refused(kindShuttingDown, "the server ends; instances go on, and another server of theirs can be asked")

// fail answers with an error.
func fail(w http.ResponseWriter, r *http.Request, err error) {
	f := failureOf(r.Context(), err)
	status := statusOf(f.Kind)
	switch f.Kind {
	case kindNoUpgrade:
		w.Header().Set("Connection", "Upgrade")
		w.Header().Set("Upgrade", upgradeName)
	case instance.KindBusy, kindTooMany, kindShuttingDown:
		w.Header().Set("Retry-After", "1")
	case kindTooLarge, kindTooSlow, kindForbidden:
		w.Header().Set("Connection", "close") // what it still sends is not read
	}
	said := ErrorAnswer{Error: f}
	var partly *partlyDone
	if errors.As(err, &partly) {
		said.Instances = partly.made
	}
	writeJSON(w, status, said)
}

// writeJSON answers with v. That the client is gone is seen elsewhere.
func writeJSON(w http.ResponseWriter, status int, v any) {
	b, err := encodeLine(v)
	if err != nil {
		status = http.StatusInternalServerError
		b, _ = encodeLine(ErrorAnswer{Error: Failure{instance.KindFailed, fmt.Sprintf("answer: %v", err)}})
	}
	extendWrite(w, answerTime)
	w.Header().Set("Content-Type", mediaJSON)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Length", fmt.Sprint(len(b)))
	w.WriteHeader(status)
	_, _ = w.Write(b)
}

// encodeLine is v as one line of JSON.
func encodeLine(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	return append(b, '\n'), err
}

// gone reports whether an error means that the client is not there any more.
func gone(ctx context.Context) bool {
	return ctx.Err() != nil && !errors.Is(context.Cause(ctx), errEnding)
}
