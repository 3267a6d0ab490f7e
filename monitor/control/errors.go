package control

import (
	"errors"
	"fmt"
)

// Code says what kind of failure an Error is.
type Code string

// The codes that there are.
const (
	BadRequest       Code = "bad-request"       // the request makes no sense
	UnknownOperation Code = "unknown-operation" // there is no such operation
	WrongState       Code = "wrong-state"       // not now: the machine is not running, say
	NotFound         Code = "not-found"         // the machine has no such device
	Failed           Code = "failed"            // it was tried
)

// Error is the failure of a request, as it travels.
type Error struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
}

func (e *Error) Error() string { return e.Message }

// Errorf makes an Error.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Errorf(format, args...).Error()}
}

// CodeOf is the code of a request's failure; empty where err is another's, such as
// that of a connection which ended.
func CodeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// maxMessage is the most bytes of an error's text that travel.
const maxMessage = 64 << 10

// asError is err as it travels.
func asError(err error) *Error {
	var e *Error
	if !errors.As(err, &e) {
		e = &Error{Code: Failed, Message: err.Error()}
	}
	return &Error{Code: e.Code, Message: e.Message[:min(len(e.Message), maxMessage)]}
}
