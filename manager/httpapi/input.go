package httpapi

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"syscall"

	"github.com/hullvm/hull/agent"
)

// input is what a client's frames do.
type input struct {
	stdin  io.WriteCloser               // nil: input is refused
	resize func(agent.WinSize) error    // nil: refused
	signal func(s syscall.Signal) error // nil: refused
	failed func(what string, err error) // of a resize or a signal: the stream goes on
}

// errVanished says that the client is gone.
var errVanished = errors.New("the client is gone")

// run takes frames until the connection or a mistake ends it.
func (in *input) run(r io.Reader) error {
	frames := frameReader{r: r}
	closed := false
	for {
		t, payload, err := frames.next()
		switch {
		case errors.Is(err, errFrame):
			return invalid("stream: %w", err)
		case err != nil:
			return errVanished
		}
		switch t {
		case frameStdin:
			if err := in.take(payload, &closed); err != nil {
				return err
			}
		case frameResize:
			err = in.takeResize(payload)
		case frameSignal:
			err = in.takeSignal(payload)
		default:
			return invalid("stream: %w: type %d is none of a client's", errFrame, t)
		}
		if err != nil {
			return invalid("stream: %w", err)
		}
	}
}

// take hands a piece of input on. What a program does not read any more is thrown
// away.
func (in *input) take(payload []byte, closed *bool) error {
	switch {
	case len(payload) == 0:
		*closed = true
		if in.stdin != nil {
			_ = in.stdin.Close()
		}
	case in.stdin == nil:
		return invalid("stream: input that was not asked for")
	case *closed:
		return invalid("stream: input after its end")
	default:
		_, _ = in.stdin.Write(payload)
	}
	return nil
}

func (in *input) takeResize(payload []byte) error {
	if in.resize == nil || len(payload) != 4 {
		return fmt.Errorf("%w: a resize of %d bytes, or where there is no terminal", errFrame, len(payload))
	}
	size := agent.WinSize{Rows: binary.BigEndian.Uint16(payload), Columns: binary.BigEndian.Uint16(payload[2:])}
	if err := in.resize(size); err != nil {
		in.failed("resize", err)
	}
	return nil
}

func (in *input) takeSignal(payload []byte) error {
	if in.signal == nil || len(payload) != 1 || payload[0] < 1 || payload[0] > maxSignal {
		return fmt.Errorf("%w: a signal that is none, or where there is nobody to get one", errFrame)
	}
	if err := in.signal(syscall.Signal(payload[0])); err != nil {
		in.failed("signal", err)
	}
	return nil
}

// follow runs an input in a goroutine, and ends ctx with its error. The channel is
// closed when nothing is read any more.
func (s *Server) follow(in *input, r io.Reader, end context.CancelCauseFunc) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer end(errVanished) // where it has none of its own
		defer s.survive("input")
		err := in.run(r)
		end(err)
		if !errors.Is(err, errVanished) {
			_, _ = io.Copy(io.Discard, r) // until the client has read why
		}
	}()
	return done
}
