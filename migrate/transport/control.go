package transport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/hullvm/hull/migrate/wire"
)

// ErrCancelled is the end of a move that the source's user wants no more.
var ErrCancelled = errors.New("the move was cancelled on the source")

// PeerError is why the other side gave up.
type PeerError struct{ Phase, Text string }

func (e *PeerError) Error() string {
	return fmt.Sprintf("the other side gave up (%s): %s", e.Phase, e.Text)
}

// ControlOptions of a Control. The zero value has the defaults.
type ControlOptions struct {
	Alive   time.Duration // between two alive; 1 s by default
	Silence time.Duration // without a byte until the other side is gone, or takes none; 5 s by default
	Linger  time.Duration // what Close gives to what was sent last; 1 s by default
	After   AfterFunc     // the clock of Alive and Silence; the host's by default
}

func (o ControlOptions) orDefaults() ControlOptions {
	if o.Alive <= 0 {
		o.Alive = time.Second
	}
	if o.Silence <= 0 {
		o.Silence = 5 * time.Second
	}
	if o.Linger <= 0 {
		o.Linger = time.Second
	}
	if o.After == nil {
		o.After = hostClock
	}
	return o
}

// Control is a connection for control, which is kept alive and watched over in the
// background from NewControl on, whether anybody reads or not.
type Control struct {
	conn    *Conn
	options ControlOptions

	messages chan wire.Message
	closing  chan struct{}
	close    sync.Once
	closed   error          // of close
	all      sync.WaitGroup // the reader, and who sends alive

	// ended ends with the connection, or with what the other side says to end it.
	ended context.Context
	end   context.CancelCauseFunc
}

// NewControl takes over a connection, of which only this package's caller has read
// so far.
func NewControl(conn *Conn, o ControlOptions) *Control {
	c := &Control{
		conn: conn, options: o.orDefaults(),
		messages: make(chan wire.Message), closing: make(chan struct{}),
	}
	c.ended, c.end = context.WithCancelCause(context.Background())
	conn.stream.watch = &watch{after: c.options.After, limit: c.options.Silence}
	c.all.Go(c.listen)
	c.all.Go(c.beat)
	return c
}

// Read is the next message, which is the caller's. After the last it is why there is no
// other: a *PeerError, ErrCancelled, ErrSilent, ErrStuck, io.EOF, or a *wire.FrameError. An
// end of ctx changes nothing.
func (c *Control) Read(ctx context.Context) (wire.Message, error) {
	select {
	case m := <-c.messages:
		return m, nil
	case <-c.ended.Done():
		return nil, c.Err()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Err is why there is nothing more to read; nil while there may be.
func (c *Control) Err() error { return context.Cause(c.ended) }

// Context ends with parent, and with the connection: then its cause is what Err is. A message
// that nobody has read yet puts the latter off.
func (c *Control) Context(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(parent)
	stop := context.AfterFunc(c.ended, func() { cancel(c.Err()) })
	return ctx, func() {
		stop()
		cancel(nil)
	}
}

// Write sends a message. Where that fails because the other side has given up, the
// error is why it did.
func (c *Control) Write(m wire.Message) error {
	err := c.conn.Wire.WriteMessage(m)
	if err == nil {
		return nil
	}
	if errors.Is(err, ErrStuck) {
		return err
	}
	// What it said last may be here, and not yet read.
	late := time.NewTimer(c.options.Linger)
	defer late.Stop()
	select {
	case <-c.ended.Done():
	case <-late.C:
	}
	var peer *PeerError
	if errors.As(c.Err(), &peer) {
		return peer
	}
	return asPeer.explain(err)
}

// Close ends the connection once the other side has had what was sent, or Linger is over.
func (c *Control) Close() error {
	c.close.Do(func() {
		close(c.closing)
		c.end(errHere)
		late := time.AfterFunc(c.options.Linger, func() { c.conn.Close() })
		if !c.conn.finish() {
			c.conn.Close() // there is no half of it to be closed
		}
		c.all.Wait()
		late.Stop()
		c.closed = c.conn.Close()
	})
	return c.closed
}

var errHere = errors.New("the connection was closed here")

// beat says each second that this side is there.
func (c *Control) beat() {
	for {
		due := make(chan struct{})
		stop := c.options.After(c.options.Alive, func() { close(due) })
		select {
		case <-due:
		case <-c.ended.Done():
			stop()
			return
		}
		if err := c.conn.Wire.WriteMessage(wire.Alive{}); err != nil {
			if errors.Is(err, ErrStuck) {
				c.end(err)
			}
			return // whatever else it is, the reader finds out with what came before
		}
	}
}

// listen reads until the connection ends, and what is left from Close on.
func (c *Control) listen() {
	c.end(c.hear())
	<-c.closing
	_, _ = io.Copy(io.Discard, c.conn.Stream) // ends with the stream
}

// hear is all messages, up to the error that ends them.
func (c *Control) hear() error {
	for {
		f, err := c.conn.Wire.Read()
		if err != nil {
			return asPeer.explain(err)
		}
		m, err := wire.Decode(f)
		if err != nil {
			return err
		}
		switch v := m.(type) {
		case wire.Alive:
			continue
		case wire.Error:
			return &PeerError{v.Phase, v.Text}
		case wire.Cancel:
			return ErrCancelled
		case wire.Memory:
			return &wire.FrameError{Number: f.Number, Type: f.Type, Err: fmt.Errorf("%w: want it on a connection for memory", wire.ErrUnexpected)}
		case wire.State:
			m = wire.State{Data: bytes.Clone(v.Data)} // the frame's is read over
		}
		select {
		case c.messages <- m:
		case <-c.closing:
			return errHere
		}
	}
}
