package supervisor

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/hullvm/hull/manager/instance"
)

// ErrGone says that the supervisor is not there, or ended before it answered.
var ErrGone = errors.New("its supervisor is gone")

// Client asks a supervisor. It makes a connection for each request, so that one
// that takes long holds up no other.
type Client struct{ path string }

// NewClient asks the supervisor at a socket.
func NewClient(socket string) *Client { return &Client{path: socket} }

// Do sends a request and waits for its reply until ctx ends. A failure that the
// supervisor tells is an *instance.Error; ErrGone says that it did not answer.
func (c *Client) Do(ctx context.Context, q Request) (*Reply, error) {
	conn, r, err := c.open(ctx, q)
	if err != nil {
		return nil, err
	}
	conn.Close()
	return r, nil
}

// Attach joins the console. The connection is the caller's.
func (c *Client) Attach(ctx context.Context, input bool) (*Stream, error) {
	conn, _, err := c.open(ctx, Request{Op: OpAttach, Input: input})
	if err != nil {
		return nil, err
	}
	return conn, nil
}

// Stream is the connection behind a reply.
type Stream struct {
	*net.UnixConn
	buffered *bufio.Reader
}

// Read reads what follows the reply.
func (s *Stream) Read(p []byte) (int, error) { return s.buffered.Read(p) }

func (c *Client) open(ctx context.Context, q Request) (*Stream, *Reply, error) {
	var d net.Dialer
	dialed, err := d.DialContext(ctx, "unix", c.path)
	if err != nil {
		if ctx.Err() != nil {
			return nil, nil, context.Cause(ctx)
		}
		return nil, nil, fmt.Errorf("%w: %w", ErrGone, err)
	}
	conn := dialed.(*net.UnixConn) // what "unix" means
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	s := &Stream{conn, bufio.NewReader(conn)}
	reply, err := ask(s, q)
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		conn.Close()
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, nil, err
	}
	return s, reply, nil
}

func ask(s *Stream, q Request) (*Reply, error) {
	q.Version = ProtocolVersion
	var reply Reply
	if err := writeLine(s, &q); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrGone, err)
	}
	if err := readLine(s.buffered, &reply); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrGone, err)
	}
	if err := reply.Error.error(); err != nil {
		return nil, err
	}
	if reply.State != nil {
		if err := reply.State.Check(); err != nil {
			return nil, &instance.Error{Kind: instance.KindFailed, Err: fmt.Errorf("supervisor's answer: %w", err)}
		}
	}
	return &reply, nil
}
