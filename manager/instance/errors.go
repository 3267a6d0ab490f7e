package instance

import "errors"

// Kind is what sort of failure an Error is: what a command's status and an HTTP
// status are chosen by.
type Kind string

// The kinds there are. An error that is no *Error is of KindFailed.
const (
	KindInvalid     Kind = "invalid"     // what was asked for makes no sense
	KindNotFound    Kind = "not-found"   // no such instance
	KindGone        Kind = "gone"        // it has ended meanwhile
	KindAmbiguous   Kind = "ambiguous"   // the id's beginning is that of several
	KindNameTaken   Kind = "name-taken"  // another instance has the name
	KindWrongState  Kind = "wrong-state" // the instance is not in a state for it
	KindBusy        Kind = "busy"        // somebody else changes the instance
	KindCorrupt     Kind = "corrupt"     // the instance's files cannot be read
	KindUnsupported Kind = "unsupported" // the host or the guest has not what it takes
	KindFailed      Kind = "failed"      // anything else
)

// Error is a failure whose kind matters.
type Error struct {
	Kind Kind
	Err  error
}

func (e *Error) Error() string { return e.Err.Error() }

func (e *Error) Unwrap() error { return e.Err }

// KindOf is an error's kind; empty for nil.
func KindOf(err error) Kind {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return KindFailed
}
