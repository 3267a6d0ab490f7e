package httpapi

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/hullvm/hull/agent"
	"github.com/hullvm/hull/manager"
)

// AttachRequest says how to join a console.
type AttachRequest struct {
	Input bool `json:"input,omitempty" doc:"what the client sends goes to the guest"`
}

func attach(s *Server, w http.ResponseWriter, c *call[none, AttachRequest]) error {
	if err := checkUpgrade(c.Request); err != nil {
		return err
	}
	ctx, end := context.WithCancelCause(c.ctx())
	defer end(nil)
	console, err := s.engine.Attach(ctx, c.ref, manager.AttachOptions{Input: c.body.Input})
	if err != nil {
		return err
	}
	defer console.Close()
	st := newStream(ctx)
	if err := st.open(w); err != nil {
		return err
	}
	in := &input{
		resize: func(size agent.WinSize) error { return console.Resize(ctx, size) },
		failed: s.logged(c.ref),
	}
	if c.body.Input {
		// The end of input is not that of the console.
		in.stdin = unclosed{console}
	}
	read := s.follow(in, st.reader, end)
	go st.beat(ctx, s.o.Heartbeat, end)
	// Neither a read nor a write of the console outlives the client.
	stop := context.AfterFunc(ctx, func() { _ = console.Close() })
	defer stop()

	_, err = io.Copy(output{st, frameStdout}, onlyReader{console})
	var last exitFrame
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	if err != nil && !errors.Is(err, errVanished) {
		last = failed(ctx, err)
	}
	console.Close()
	st.finish(last, read)
	return nil
}

// unclosed is a writer that others close.
type unclosed struct{ io.Writer }

func (unclosed) Close() error { return nil }

// onlyReader keeps io.Copy to buffers of its own.
type onlyReader struct{ io.Reader }
