package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"
)

// Client is a connection to a monitor. It does one request at a time; others wait
// for it. So whoever waits for a machine's end uses a connection of its own. A
// request whose context ends takes the connection with it.
type Client struct {
	hello Hello

	mu     sync.Mutex // held over a request
	conn   net.Conn
	broken error // the connection is of no use since
}

// NewClient takes over a connection, and says hello.
func NewClient(ctx context.Context, conn net.Conn) (*Client, error) {
	c := &Client{conn: conn}
	var err error
	if c.hello, err = call[helloArgs, Hello](ctx, c, opHello, helloArgs{Version}); err == nil && c.hello.Version != Version {
		err = fmt.Errorf("hello: it speaks protocol version %d, this is %d", c.hello.Version, Version)
	}
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// Dial connects to the control socket at path.
func Dial(ctx context.Context, path string) (*Client, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("monitor: %w", err)
	}
	return NewClient(ctx, conn)
}

// Close ends the connection. It may be called while a request is under way, which
// then fails.
func (c *Client) Close() error {
	if err := c.conn.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("monitor: close: %w", err)
	}
	return nil
}

// call makes a request and waits for its reply.
func call[A, R any](ctx context.Context, c *Client, op string, args A, files ...*os.File) (result R, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.broken == nil {
		err = c.exchange(ctx, op, args, files, &result)
	} else {
		err = c.broken
	}
	if err != nil {
		return result, fmt.Errorf("monitor: %s: %w", op, err)
	}
	return result, nil
}

// exchange sends a request and reads its reply. What is not an Error of the
// monitor's leaves the connection broken.
func (c *Client) exchange(ctx context.Context, op string, args any, files []*os.File, result any) error {
	stop := context.AfterFunc(ctx, func() { _ = c.conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	text, err := c.transfer(op, args, files)
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return c.breaks(err)
	}
	var r reply
	if err := decode(text, &r); err != nil {
		return c.breaks(fmt.Errorf("reply: %w", err))
	}
	if r.Error != nil {
		return r.Error
	}
	if err := decode(r.Result, result); err != nil {
		return c.breaks(fmt.Errorf("reply: %w", err))
	}
	return nil
}

// breaks gives the connection up. The monitor sees its end, and what was asked for
// by it is not waited for there either.
func (c *Client) breaks(err error) error {
	c.broken = err
	_ = c.conn.Close()
	return err
}

// Broken reports whether the connection is of no use any more: another has to be
// made. It waits for the request that is under way.
func (c *Client) Broken() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.broken != nil
}

func (c *Client) transfer(op string, args any, files []*os.File) ([]byte, error) {
	encoded, err := json.Marshal(args)
	if err != nil {
		return nil, err
	}
	frame, err := encodeFrame(request{Op: op, Args: encoded})
	if err != nil {
		return nil, err
	}
	if len(files) > 0 {
		err = sendFiles(c.conn, frame, files)
	} else {
		_, err = c.conn.Write(frame)
	}
	if err != nil {
		return nil, err
	}
	return readFrame(c.conn)
}
