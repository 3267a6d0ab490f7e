package wire

import (
	"errors"
	"fmt"
)

// What a peer can have sent. All but ErrPreamble are within a *FrameError.
var (
	ErrPreamble    = errors.New("the other side does not speak Hull's migration protocol")
	ErrChecksum    = errors.New("wrong checksum")
	ErrNumber      = errors.New("wrong number")
	ErrReserved    = errors.New("reserved bytes are not zero")
	ErrUnknownType = errors.New("unknown type")
	ErrLength      = errors.New("wrong length")
	ErrMessage     = errors.New("wrong message")   // its payload is not what the type has
	ErrUnexpected  = errors.New("out of its turn") // see Expect
)

// FrameError is a frame that a peer should not have sent.
type FrameError struct {
	Number uint64 // of the frame, as the reader counts
	Type   Type   // 0 where it could not be read
	Err    error  // one of this package's, with what is wrong
}

func (e *FrameError) Error() string {
	if e.Type == 0 {
		return fmt.Sprintf("frame %d: %v", e.Number, e.Err)
	}
	return fmt.Sprintf("frame %d (%v): %v", e.Number, e.Type, e.Err)
}

func (e *FrameError) Unwrap() error { return e.Err }
